package kinds_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/azurekeyvault"
	"github.com/sealrelay/sealrelay/agentkeys/stores/kinds"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/config"
)

func TestUnknownKindNamesThoseThereAre(t *testing.T) {
	_, err := kinds.New("directry", kinds.Settings{})
	if err == nil || !strings.Contains(err.Error(), `"directry"`) || !strings.Contains(err.Error(), "directory") {
		t.Errorf("error is %v", err)
	}
}

func keyVault(decode func(any) error) (stores.Store, error) {
	return azurekeyvault.Open(decode, func() (*azure.Account, error) { return nil, errors.New("no account") })
}

// TestNoKeyVault: a program without it says so.
func TestNoKeyVault(t *testing.T) {
	if _, err := kinds.New("azure-key-vault", kinds.Settings{}); !errors.Is(err, kinds.ErrNoKeyVault) {
		t.Errorf("error is %v", err)
	}
}

// Each kind reads its settings, passes on what is wrong with them, needs something, and
// can be configured.
func TestKinds(t *testing.T) {
	wrong := errors.New("line 3: unknown key")
	for kind := range kinds.All {
		settings := kinds.Settings{Decode: func(any) error { return wrong }, Path: func(path string) string { return path }, KeyVault: keyVault}
		if _, err := kinds.New(kind, settings); !errors.Is(err, wrong) {
			t.Errorf("%s: error is %v, want that of its settings", kind, err)
		}
		text := "signing_key_file: k\nstores: {s: {" + kind + ": {}}}\nsources: {s: {verify: {bearer: {}}, adapter: {push: {}}, may_write: [a]}}\n" +
			"agents: {web: {keys: {main: {store: s, alias: a}}, destinations: {d: {mailbox: {}}}}}\nroutes: [{secrets: [a], agents: [web]}]\n"
		cfg, err := config.Parse([]byte(text), t.TempDir())
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		got, settingsOf, err := cfg.Stores["s"].Place()
		if err != nil || got != kind {
			t.Errorf("%s is read as %q, %v", kind, got, err)
		}
		settings.Decode = settingsOf.Decode
		if kind != "azure-key-vault" {
			if _, err := kinds.New(kind, settings); err == nil || !strings.Contains(err.Error(), "is required") {
				t.Errorf("%s without settings: %v", kind, err)
			}
		}
	}
}
