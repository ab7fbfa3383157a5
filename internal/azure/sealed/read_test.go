package sealed_test

import (
	"errors"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tenant = "11111111-1111-1111-1111-111111111111"
	app    = "44444444-4444-4444-4444-444444444444"
)

// TestReadDamaged: what somebody changed in the vault is damaged, and no panic.
func TestReadDamaged(t *testing.T) {
	server := azuretest.New(t, azuretest.Config{})
	server.AddVault(azuretest.Vault{Name: "relay", Tenant: tenant, Subscription: "s", ResourceGroup: "rg"})
	server.AddApp(azuretest.App{ClientID: app, Tenants: []string{tenant}, Secrets: []string{"hush"}, Grants: []azuretest.Grant{{Actions: azuretest.SecretsOfficer}}})
	transport := server.Client()
	t.Cleanup(transport.CloseIdleConnections)
	account, err := azure.New(azure.Settings{
		Config:     azure.Config{SignIn: "client-secret", Tenant: tenant, ClientID: app, ClientSecretFile: "s"},
		Transport:  transport,
		ReadSecret: func(string) (*secretbytes.Value, error) { return secretbytes.New([]byte("hush")), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	vault, err := account.Vault("relay")
	if err != nil {
		t.Fatal(err)
	}
	client, err := account.Secrets(vault)
	if err != nil {
		t.Fatal(err)
	}
	const version = "0123456789abcdef0123456789abcdef"
	for name, test := range map[string]struct {
		value string
		tags  map[string]string
		want  error
	}{
		"no base64":           {"%", map[string]string{"encoding": "base64"}, sealed.ErrDamaged},
		"parts missing":       {version, map[string]string{"parts": "2"}, sealed.ErrDamaged},
		"no list of parts":    {"a\nb", map[string]string{"parts": "2"}, sealed.ErrDamaged},
		"a part is not there": {version + "\n" + version, map[string]string{"parts": "2"}, azure.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			tags := map[string]*string{}
			for tag, text := range test.tags {
				tags[tag] = &text
			}
			if _, err := client.SetSecret(t.Context(), sealed.Name("p-", name), azsecrets.SetSecretParameters{Value: &test.value, Tags: tags}, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := sealed.Read(t.Context(), client, account.Pace(vault), "p-", name); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}

	// A disabled deletion does not hide what is there.
	value, no := "newer", false
	name := sealed.Name("p-", "here")
	for _, secret := range []string{name, sealed.Deletion(name)} {
		if _, err := client.SetSecret(t.Context(), secret, azsecrets.SetSecretParameters{Value: &value}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.UpdateSecretProperties(t.Context(), sealed.Deletion(name), "", azsecrets.UpdateSecretPropertiesParameters{SecretAttributes: &azsecrets.SecretAttributes{Enabled: &no}}, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := sealed.Read(t.Context(), client, account.Pace(vault), "p-", "here"); err != nil || string(got.Envelope) != value {
		t.Errorf("beside a disabled deletion there is %q, %v", got.Envelope, err)
	}
}
