package hooks_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
)

// TestDocumentedBodies: the bodies in the manual are read, those of the adapter
// json with the settings above them.
func TestDocumentedBodies(t *testing.T) {
	manual, err := os.ReadFile("../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	section := func(heading string) string {
		_, rest, found := strings.Cut(string(manual), "\n## "+heading+"\n")
		if !found {
			t.Fatalf("the manual has no section %s", heading)
		}
		text, _, _ := strings.Cut(rest, "\n## ")
		return text
	}
	bodies := regexp.MustCompile("(?s)```json\n(.*?)```")
	read := func(adapter hooks.Adapter, text string) (secrets []string) {
		for body := range strings.Lines(bodies.FindStringSubmatch(text)[1]) {
			message, err := adapter.Read(&hooks.Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}, hooks.Verified{})
			if err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			event := message.Events[0]
			secrets = append(secrets, string(event.Operation)+" "+event.Secret+" "+strings.Join(event.Fields, "+"))
		}
		return secrets
	}

	push := strings.Join(read(adapters.Push{}, section("Adapter `push`")), "; ")
	if want := "set prod/db/orders ; set prod/db/orders password+user; delete prod/db/orders "; push != want {
		t.Errorf("push reads %q, want %q", push, want)
	}

	text := section("Adapter `json`")
	var config struct{ Adapter struct{ JSON adapters.JSON } }
	settings := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(text)[1]
	if err := yaml.Load([]byte(settings), &config, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	adapter, err := adapters.NewJSON(config.Adapter.JSON)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(read(adapter, text), "; ")
	if want := "set prod/db/orders password+user"; got != want {
		t.Errorf("json reads %q, want %q", got, want)
	}
}
