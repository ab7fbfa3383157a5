package hooks_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/config"
)

// TestSources: the table of products names each adapter, and no verifier that
// there is not.
func TestSources(t *testing.T) {
	table, err := os.ReadFile("../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range adapters.Table {
		if !strings.Contains(string(table), "[`"+name+"`](hooks.md#adapter-"+name+")") {
			t.Errorf("no product has the adapter %s", name)
		}
	}
	name := regexp.MustCompile("`([a-z0-9-]+)`")
	rows := 0
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 7 || cells[2] == "verifier" {
			continue
		}
		rows++
		for _, found := range name.FindAllStringSubmatch(cells[2], -1) {
			if verify.Table[found[1]] == nil {
				t.Errorf("there is no verifier %s: %s", found[1], line)
			}
		}
	}
	if rows < 30 {
		t.Errorf("%d rows only", rows)
	}
}

// TestDocumentedNotices: the body in each section about a product that sends no
// values is read with the settings above it, and tells of the secrets there.
func TestDocumentedNotices(t *testing.T) {
	manual, err := os.ReadFile("../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	example := regexp.MustCompile("(?s)^([a-z-]+)`\n.*```yaml\n(adapter:\n[^`]*)```\n\n```json\n([^`]*)```")
	for _, section := range strings.Split(string(manual), "\n## Adapter `")[1:] {
		section, _, _ = strings.Cut(section, "\n## ")
		example := example.FindStringSubmatch(section)
		if example == nil || !strings.Contains(example[2], "secret_names") {
			continue
		}
		name := example[1]
		found = append(found, name)
		t.Run(name, func(t *testing.T) {
			var config struct{ Adapter map[string]config.Settings }
			if err := yaml.Load([]byte(example[2]), &config, yaml.WithKnownFields()); err != nil {
				t.Fatal(err)
			}
			adapter, err := adapters.Table[name](hooks.Settings{Decode: config.Adapter[name].Decode})
			if err != nil {
				t.Fatal(err)
			}
			message, err := adapter.Read(&hooks.Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(example[3])}, hooks.Verified{})
			if err != nil {
				t.Fatal(err)
			}
			if len(message.Events) == 0 || message.Events[0].Secret != "prod/db/orders" || message.Events[0].Operation != hooks.Changed {
				t.Errorf("read %+v", message.Events)
			}
		})
	}
	if want := []string{"infisical", "doppler", "bitwarden", "keeper-alert", "delinea-secretchanged", "delinea-platform", "akeyless", "psono", "aws-secrets-manager", "azure-event-grid", "gcp-pubsub"}; !slices.Equal(want, found) {
		t.Errorf("the manual has examples of %v, want %v", found, want)
	}
}

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
