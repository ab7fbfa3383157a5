package verify_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

// settings decodes a configuration as strictly as the program does, and reads
// secret files out of a map.
func settings(config string, files map[string]string) hooks.Settings {
	return hooks.Settings{
		Decode: func(into any) error { return yaml.Load([]byte(config), into, yaml.WithKnownFields()) },
		ReadSecret: func(path string) (*hooks.Value, error) {
			content, found := files[path]
			if !found {
				return nil, errors.New("no such file: " + path)
			}
			return text(content), nil
		},
	}
}

func TestTable(t *testing.T) {
	want := []string{"api-key", "basic", "bearer", "client-certificate", "doppler", "entra-jwt", "github", "hmac", "http-message-signatures", "infisical", "oidc-jwt", "standard-webhooks", "stripe"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(verify.Table))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestConfigured(t *testing.T) {
	signed := func(signature string) *hooks.Request { return example(signature) }
	token := func(token string) *hooks.Request {
		return &hooks.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}
	}
	files := map[string]string{"old": exampleSecret, "token": oldToken}
	tests := []struct {
		name, scheme, config string
		accepted             *hooks.Request
	}{
		{"inline secret", "standard-webhooks", "secrets: [" + exampleSecret + "]\ntolerance: 90s", signed(exampleV1)},
		{"secret file", "standard-webhooks", "secret_files: [old]", signed(exampleV1)},
		{"public key", "standard-webhooks", "public_keys: [" + examplePublicKey + "]", signed(exampleV1a)},
		{"all keys", "standard-webhooks", "secrets: [" + exampleSecret + "]\nsecret_files: [old]\npublic_keys: [" + examplePublicKey + "]", signed(exampleV1a)},
		{"inline token", "bearer", "tokens: [" + oldToken + "]", token(oldToken)},
		{"token file", "bearer", "tokens: [" + newToken + "]\ntoken_files: [token]", token(oldToken)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, err := verify.Table[test.scheme](settings(test.config, files))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(test.accepted); err != nil {
				t.Error(err)
			}
			if _, err := v.Verify(&hooks.Request{Header: http.Header{}}); !errors.Is(err, hooks.ErrUnauthenticated) {
				t.Errorf("a request without credentials: %v", err)
			}
		})
	}
}

func TestConfiguredRefuses(t *testing.T) {
	tests := []struct{ name, scheme, config, want string }{
		{"unknown key", "standard-webhooks", "secret: x", "secret"},
		{"unknown key", "bearer", "token: x", "token"},
		{"missing file", "standard-webhooks", "secret_files: [nowhere]", "no such file: nowhere"},
		{"missing file", "bearer", "token_files: [nowhere]", "no such file: nowhere"},
		{"number as tolerance", "standard-webhooks", "tolerance: 300", "300"},
		{"no key", "standard-webhooks", "{}", "no secret"},
		{"no token", "bearer", "{}", "no token"},
	}
	for _, test := range tests {
		t.Run(test.scheme+" "+test.name, func(t *testing.T) {
			_, err := verify.Table[test.scheme](settings(test.config, nil))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}
