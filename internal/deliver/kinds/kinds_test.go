package kinds_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/kinds"
)

func TestUnknownKindNamesThoseThereAre(t *testing.T) {
	_, err := kinds.New("flie", kinds.Settings{})
	if err == nil || !strings.Contains(err.Error(), `"flie"`) || !strings.Contains(err.Error(), "file") {
		t.Errorf("error is %v", err)
	}
}

// Each kind reads its settings, and passes on what is wrong with them.
func TestKindsDecodeTheirSettings(t *testing.T) {
	wrong := errors.New("line 3: unknown key")
	for kind := range kinds.All {
		_, err := kinds.New(kind, kinds.Settings{Settings: deliver.Settings{
			Decode: func(any) error { return wrong },
			Path:   func(name string) string { return name },
		}})
		if !errors.Is(err, wrong) {
			t.Errorf("%s: error is %v, want that of its settings", kind, err)
		}
	}
}

// The configuration takes the name of each kind.
func TestKindsCanBeConfigured(t *testing.T) {
	for kind := range kinds.All {
		text := "signing_key_file: k\nsources: {s: {verify: {bearer: {}}, adapter: {push: {}}, may_write: [a]}}\n" +
			"agents: {web: {keys: {main: {file: k}}, destinations: {d: {" + kind + ": {}}}}}\nroutes: [{secrets: [a], agents: [web]}]\n"
		cfg, err := config.Parse([]byte(text), t.TempDir())
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if got, _, err := cfg.Agents["web"].Destinations["d"].Place(); err != nil || got != kind {
			t.Errorf("%s is read as %q, %v", kind, got, err)
		}
	}
}
