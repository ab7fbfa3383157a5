package azure_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tenant       = "11111111-1111-1111-1111-111111111111"
	otherTenant  = "22222222-2222-2222-2222-222222222222"
	subscription = "33333333-3333-3333-3333-333333333333"
)

// world is a server with one vault, "relay".
type world struct {
	*azuretest.Server
	client *http.Client
	dir    string
	app    string
	own    *azure.Account
}

// apps makes the ID of each world's application another one: the SDK caches tokens of
// managed identities for the whole process.
var apps atomic.Int64

func newWorld(t *testing.T, config azuretest.Config) *world {
	t.Helper()
	w := &world{Server: azuretest.New(t, config), dir: t.TempDir(), app: fmt.Sprintf("44444444-4444-4444-4444-%012d", apps.Add(1))}
	w.client = w.Client()
	t.Cleanup(w.client.CloseIdleConnections)
	w.AddVault(azuretest.Vault{Name: "relay", Tenant: tenant, Subscription: subscription, ResourceGroup: "rg"})
	return w
}

func (w *world) add(app azuretest.App) {
	app.ClientID, app.Tenants = w.app, append(app.Tenants, tenant)
	if app.Grants == nil {
		app.Grants = []azuretest.Grant{{Actions: azuretest.SecretsOfficer}}
	}
	w.AddApp(app)
}

func (w *world) file(t *testing.T, name string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func (w *world) account(t *testing.T, config azure.Config) (*azure.Account, error) {
	t.Helper()
	return azure.New(azure.Settings{
		Config: config, Transport: w.client,
		Path: func(path string) string { return filepath.Join(w.dir, path) },
		ReadSecret: func(path string) (*secretbytes.Value, error) {
			b, err := os.ReadFile(filepath.Join(w.dir, path))
			return secretbytes.New(b), err
		},
	})
}

// secretly is an account that signs in with the secret "hush".
func (w *world) secretly(t *testing.T) *azure.Account {
	t.Helper()
	a, err := w.account(t, azure.Config{SignIn: "client-secret", Tenant: tenant, ClientID: w.app, ClientSecretFile: w.file(t, "secret", []byte("hush"))})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// set writes a secret into a vault.
func set(ctx context.Context, a *azure.Account, name, secret, value string) error {
	vault, err := a.Vault(name)
	if err != nil {
		return err
	}
	client, err := a.Secrets(vault)
	if err != nil {
		return err
	}
	_, err = client.SetSecret(azure.Once(ctx), secret, azsecrets.SetSecretParameters{Value: &value}, nil)
	return azure.Explain(err)
}

func TestSignIn(t *testing.T) {
	certificate := func(t *testing.T, w *world, kind string) (pem []byte, public *keys.Public, private any) {
		pair, err := keys.New(kind, keys.NewOptions{})
		if err != nil {
			t.Fatal(err)
		}
		signed, err := keys.SelfSigned(pair.Keys[0], "relay", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if public, err = keys.ParsePublic(signed); err != nil {
			t.Fatal(err)
		}
		return append(pair.Private, signed...), public, pair.Keys[0]
	}
	for name, prepare := range map[string]func(t *testing.T, w *world) azure.Config{
		"client secret": func(t *testing.T, w *world) azure.Config {
			w.add(azuretest.App{Secrets: []string{"hush"}})
			return azure.Config{SignIn: "client-secret", Tenant: tenant, ClientID: w.app, ClientSecretFile: w.file(t, "s", []byte("hush"))}
		},
		"certificate, PEM": func(t *testing.T, w *world) azure.Config {
			pem, public, _ := certificate(t, w, "rsa-2048")
			w.add(azuretest.App{Certificates: []*x509.Certificate{public.Certificate}})
			return azure.Config{SignIn: "client-certificate", Tenant: tenant, ClientID: w.app, CertificateFile: w.file(t, "c", pem), SendCertificateChain: true}
		},
		"certificate, PKCS#12": func(t *testing.T, w *world) azure.Config {
			pem, public, private := certificate(t, w, "rsa-2048")
			w.add(azuretest.App{Certificates: []*x509.Certificate{public.Certificate}})
			pfx, err := keys.MarshalPKCS12(private, pem[strings.Index(string(pem), "-----BEGIN CERTIFICATE"):], "relay", []byte("open"))
			if err != nil {
				t.Fatal(err)
			}
			return azure.Config{SignIn: "client-certificate", Tenant: tenant, ClientID: w.app, CertificateFile: w.file(t, "c", pfx), CertificatePasswordFile: w.file(t, "p", []byte("open"))}
		},
		"the machine's identity": func(t *testing.T, w *world) azure.Config {
			w.add(azuretest.App{Managed: true, System: true})
			return azure.Config{SignIn: "managed-identity"}
		},
		"an identity by client ID": func(t *testing.T, w *world) azure.Config {
			w.add(azuretest.App{Managed: true})
			return azure.Config{SignIn: "managed-identity", ClientID: w.app}
		},
		"an identity by object ID": func(t *testing.T, w *world) azure.Config {
			w.add(azuretest.App{Managed: true, ObjectID: "o-" + w.app})
			return azure.Config{SignIn: "managed-identity", ObjectID: "o-" + w.app}
		},
		"an identity by resource ID": func(t *testing.T, w *world) azure.Config {
			id := "/subscriptions/" + subscription + "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + w.app
			w.add(azuretest.App{Managed: true, ResourceID: id})
			return azure.Config{SignIn: "managed-identity", ResourceID: id}
		},
		"workload identity": func(t *testing.T, w *world) azure.Config {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			w.add(azuretest.App{Federated: []azuretest.Federated{{Issuer: "https://cluster.example", Subject: "system:serviceaccount:relay:relay", Key: key.Public()}}})
			return azure.Config{SignIn: "workload-identity", Tenant: tenant, ClientID: w.app, TokenFile: w.file(t, "token", federated(t, key))}
		},
		"Azure CLI": func(t *testing.T, w *world) azure.Config {
			w.add(azuretest.App{Secrets: []string{"hush"}})
			w.fakeAz(t)
			return azure.Config{SignIn: "cli"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, azuretest.Config{})
			a, err := w.account(t, prepare(t, w))
			if err != nil {
				t.Fatal(err)
			}
			for _, value := range []string{"one", "two"} {
				if err := set(t.Context(), a, "relay", "s", value); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.Secrets("relay")["s"].Value; got != "two" {
				t.Errorf("the vault has %q", got)
			}
			if asked := w.Asked("POST /token") + w.Asked("GET /metadata/identity/oauth2/token"); asked != 1 && name != "Azure CLI" {
				t.Errorf("a token was asked for %d times", asked)
			}
		})
	}
}

// federated is a token of another issuer's.
func federated(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(fmt.Appendf(nil, `{"iss":"https://cluster.example","sub":"system:serviceaccount:relay:relay","aud":["api://AzureADTokenExchange"],"exp":%d}`, time.Now().Add(time.Hour).Unix()))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return []byte(token)
}

// fakeAz puts an az into the path that prints a token of the server's.
func (w *world) fakeAz(t *testing.T) {
	t.Helper()
	token, err := w.Token(w.app, tenant, "https://vault.azure.net")
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\necho '{\"accessToken\":\"%s\",\"expires_on\":%d,\"tenant\":\"%s\",\"tokenType\":\"Bearer\"}'\n", token, time.Now().Add(time.Hour).Unix(), tenant)
	if err := os.WriteFile(filepath.Join(w.dir, "az"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", w.dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestClouds(t *testing.T) {
	for name, cloud := range map[string]azuretest.Cloud{"public": azuretest.Public, "government": azuretest.Government, "china": azuretest.China} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, azuretest.Config{Cloud: cloud})
			w.add(azuretest.App{Secrets: []string{"hush"}})
			a, err := w.account(t, azure.Config{SignIn: "client-secret", Cloud: name, Tenant: tenant, ClientID: w.app, ClientSecretFile: w.file(t, "s", []byte("hush"))})
			if err != nil {
				t.Fatal(err)
			}
			if err := set(t.Context(), a, "relay", "s", "v"); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("custom", func(t *testing.T) {
		w := newWorld(t, azuretest.Config{Cloud: azuretest.Cloud{Login: "login.stack.example", ResourceManager: "management.stack.example", VaultSuffix: "vault.stack.example"}})
		w.add(azuretest.App{Secrets: []string{"hush"}})
		a, err := w.account(t, azure.Config{
			SignIn: "client-secret", Tenant: tenant, ClientID: w.app, ClientSecretFile: w.file(t, "s", []byte("hush")),
			Authority: "https://login.stack.example", ResourceManager: "https://management.stack.example", VaultSuffix: "vault.stack.example",
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := set(t.Context(), a, "https://relay.vault.stack.example/", "s", "v"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestExplain(t *testing.T) {
	for name, test := range map[string]struct {
		app    azuretest.App
		config func(*azure.Config)
		change func(w *world)
		want   error
		says   string
	}{
		"secret wrong":       {app: azuretest.App{Secrets: []string{"other"}}, want: azure.ErrNotSignedIn, says: "client_secret_file"},
		"tenant unknown":     {config: func(c *azure.Config) { c.Tenant = otherTenant }, want: azure.ErrWrongTenant, says: "`tenant`"},
		"tenant of another":  {app: azuretest.App{Tenants: []string{otherTenant}, Secrets: []string{"hush"}}, config: func(c *azure.Config) { c.Tenant = otherTenant }, want: azure.ErrWrongTenant, says: "additional_tenants"},
		"no role":            {app: azuretest.App{Secrets: []string{"hush"}, Grants: []azuretest.Grant{{Actions: azuretest.Reader}}}, want: azure.ErrMissingRole, says: "Microsoft.KeyVault/vaults/secrets/setSecret/action"},
		"condition on names": {app: azuretest.App{Secrets: []string{"hush"}, Grants: []azuretest.Grant{{Actions: azuretest.SecretsWriter, NamePrefix: "agent-"}}}, want: azure.ErrMissingRole, says: "setSecret"},
		"firewall":           {change: func(w *world) { w.ChangeVault("relay", func(v *azuretest.Vault) { v.Firewall = true }) }, want: azure.ErrFirewall, says: "private endpoint"},
		"read-only":          {change: func(w *world) { w.ChangeVault("relay", func(v *azuretest.Vault) { v.ReadOnly = true }) }, want: azure.ErrReadOnly, says: "hours"},
		"caller gone": {change: func(w *world) {
			if err := set(context.Background(), w.own, "relay", "s", "v"); err != nil {
				panic(err)
			}
			w.RemoveApp(w.app)
		}, want: azure.ErrNotSignedIn, says: "token was refused"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, azuretest.Config{})
			if test.app.Secrets == nil {
				test.app.Secrets = []string{"hush"}
			}
			w.add(test.app)
			config := azure.Config{SignIn: "client-secret", Tenant: tenant, ClientID: w.app, ClientSecretFile: w.file(t, "s", []byte("hush"))}
			if test.config != nil {
				test.config(&config)
			}
			a, err := w.account(t, config)
			if err != nil {
				t.Fatal(err)
			}
			w.own = a
			if test.change != nil {
				test.change(w)
			}
			err = set(t.Context(), a, "relay", "s", "v")
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q, want one of %q that says %q", err, test.want, test.says)
			}
			if strings.Count(err.Error(), "\n") > 0 || strings.Contains(err.Error(), "hush") {
				t.Errorf("error %q is not a line, or has the secret in it", err)
			}
		})
	}
}

func TestManagedIdentityMissing(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	a, err := w.account(t, azure.Config{SignIn: "managed-identity", ClientID: w.app})
	if err != nil {
		t.Fatal(err)
	}
	if err := set(t.Context(), a, "relay", "s", "v"); !errors.Is(err, azure.ErrNotSignedIn) || !strings.Contains(err.Error(), "no such managed identity") {
		t.Errorf("error %v", err)
	}
}

// TestThrottled: the pause that one is asked for holds back all.
func TestThrottled(t *testing.T) {
	w := newWorld(t, azuretest.Config{Writes: 2, Window: time.Hour})
	w.add(azuretest.App{Secrets: []string{"hush"}})
	a := w.secretly(t)
	var err error
	for range 3 {
		err = set(t.Context(), a, "relay", "s", "v")
	}
	e, ok := errors.AsType[*azure.Error](err)
	if !ok || !errors.Is(err, azure.ErrThrottled) || e.RetryAfter < 50*time.Minute {
		t.Fatalf("error %v, %+v", err, e)
	}
	if asked := w.Asked("PUT /secrets/{name}"); asked != 6 { // Each client first asks for the challenge; nothing is sent again.
		t.Errorf("the vault was asked %d times", asked)
	}
	vault, err := a.Vault("relay")
	if err != nil {
		t.Fatal(err)
	}
	a.Pace(vault).Heed(e) //nolint:errcheck // It is e.
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := a.Pace(vault).Write(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody is held back: %v", err)
	}
}

// TestHostileChallenge: a server cannot crash the process with what it answers.
func TestHostileChallenge(t *testing.T) {
	for _, challenge := range []string{
		`Bearer authorization="https://login.microsoftonline.com", resource="https://vault.azure.net"`,
		`Bearer authorization="", resource="https://vault.azure.net"`,
		`Bearer`, `=,=,"`, `Bearer authorization="https://evil.example/x", resource="https://evil.example"`,
	} {
		a, err := azure.New(azure.Settings{
			Config: azure.Config{SignIn: "managed-identity"},
			Transport: answers(func(r *http.Request) *http.Response {
				return &http.Response{StatusCode: 401, Header: http.Header{"Www-Authenticate": {challenge}}, Body: http.NoBody, Request: r}
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := set(t.Context(), a, "relay", "s", "v"); err == nil {
			t.Errorf("challenge %q: no error", challenge)
		} else if strings.Contains(err.Error(), "panic") {
			t.Errorf("challenge %q: %v", challenge, err)
		}
	}
}

type answers func(*http.Request) *http.Response

func (a answers) Do(r *http.Request) (*http.Response, error) { return a(r), nil }

func TestConfigRefused(t *testing.T) {
	whole := azure.Config{SignIn: "client-secret", Tenant: tenant, ClientID: "c", ClientSecretFile: "s"}
	for says, change := range map[string]func(*azure.Config){
		"sign_in: \"default\"":                func(c *azure.Config) { c.SignIn = "default" },
		"needs tenant":                        func(c *azure.Config) { c.Tenant = "" },
		"needs client_secret_file":            func(c *azure.Config) { c.ClientSecretFile = "" },
		"no use for token_file":               func(c *azure.Config) { c.TokenFile = "t" },
		"no use for send_certificate_chain":   func(c *azure.Config) { c.SendCertificateChain = true },
		"cloud: \"germany\"":                  func(c *azure.Config) { c.Cloud = "germany" },
		"authority: \"http://login.example\"": func(c *azure.Config) { c.Authority = "http://login.example" },
		"vault_suffix":                        func(c *azure.Config) { c.VaultSuffix = "https://vault.azure.net" },
		"takes one of client_id, resource_id": func(c *azure.Config) { *c = azure.Config{SignIn: "managed-identity", ClientID: "c", ObjectID: "o"} },
		"needs certificate_file":              func(c *azure.Config) { c.SignIn, c.ClientSecretFile = "client-certificate", "" },
		"needs token_file":                    func(c *azure.Config) { c.SignIn, c.ClientSecretFile = "workload-identity", "" },
		"no use for client_id":                func(c *azure.Config) { *c = azure.Config{SignIn: "cli", ClientID: "c"} },
	} {
		config := whole
		change(&config)
		if _, err := azure.New(azure.Settings{Config: config}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

// TestCertificateRefused: an EC key cannot sign in, and a file without a certificate.
func TestCertificateRefused(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	for says, kind := range map[string]string{"RSA keys only": "ec-p256", "no certificate": "rsa-2048"} {
		pair, err := keys.New(kind, keys.NewOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.account(t, azure.Config{SignIn: "client-certificate", Tenant: tenant, ClientID: w.app, CertificateFile: w.file(t, "c", pair.Private)})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v", kind, err)
		}
	}
}

func TestVault(t *testing.T) {
	a, err := azure.New(azure.Settings{Config: azure.Config{SignIn: "managed-identity"}})
	if err != nil {
		t.Fatal(err)
	}
	id := "/subscriptions/" + subscription + "/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/Relay-1"
	for text, want := range map[string]azure.Vault{
		"relay":                           {Name: "relay", URL: "https://relay.vault.azure.net"},
		"https://relay.vault.azure.net/":  {Name: "relay", URL: "https://relay.vault.azure.net"},
		id:                                {Name: "Relay-1", Subscription: subscription, Group: "rg", URL: "https://relay-1.vault.azure.net"},
		subscription + ":rg:Relay-1":      {Name: "Relay-1", Subscription: subscription, Group: "rg", URL: "https://relay-1.vault.azure.net"},
		"":                                {},
		"a--b":                            {},
		"https://relay.vault.azure.cn":    {},
		"http://relay.vault.azure.net":    {},
		"https://relay.vault.azure.net/x": {},
		":rg:relay":                       {},
		"re_lay":                          {},
		id + "/secrets/x":                 {},
	} {
		got, err := a.Vault(text)
		if got != want || (err == nil) != (want.Name != "") {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
		if got.Subscription != "" && got.ID() != id {
			t.Errorf("%q has the ID %s", text, got.ID())
		}
	}
}
