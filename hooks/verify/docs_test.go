package verify_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/config"
)

// TestDocumentedSchemes: the manual has each scheme in the heading of a section,
// and no other; and a verifier can be made of each of its examples.
func TestDocumentedSchemes(t *testing.T) {
	manual, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, heading := range regexp.MustCompile("(?m)^## Verifiers? .*$").FindAllString(string(manual), -1) {
		for _, name := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(heading, -1) {
			documented[name[1]] = true
			if verify.Table[name[1]] == nil {
				t.Errorf("%s: there is no such scheme", heading)
			}
		}
	}
	for name := range verify.Table {
		if !documented[name] {
			t.Errorf("the manual has no section about %s", name)
		}
	}

	files := map[string]string{"certs/teleport-ca.pem": string(inPEM(authority(t, nil))), "keys/pm-2026.pem": rfcEd25519}
	for _, name := range []string{"keeper-2026", "keeper-2025"} {
		files["secrets/"+name] = exampleSecret
	}
	for _, name := range []string{"github-2025", "github-2026", "slack", "doppler", "psono", "event-grid"} {
		files["secrets/"+name] = oldToken
	}
	examples := regexp.MustCompile("(?s)```yaml\n(verify:\n.*?)```").FindAllStringSubmatch(string(manual), -1)
	for _, example := range examples {
		var source struct {
			Verify map[string]config.Settings `yaml:"verify"`
		}
		if err := yaml.Load([]byte(example[1]), &source, yaml.WithKnownFields()); err != nil || len(source.Verify) != 1 {
			t.Errorf("%s: %v", example[1], err)
		}
		for name, from := range source.Verify {
			s := settings("", files)
			s.Decode = from.Decode
			if _, err := verify.Table[name](s); err != nil {
				t.Errorf("%s: %v", strings.TrimSpace(example[1]), err)
			}
		}
	}
	if len(examples) < 9 {
		t.Errorf("%d examples only", len(examples))
	}
}
