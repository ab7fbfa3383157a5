package vaults

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant, client = "11111111-1111-1111-1111-111111111111", "44444444-4444-4444-4444-444444444444"

// TestReader: each version is taken once, an error is logged when it begins and when it
// is over, and what is not taken is tried again.
func TestReader(t *testing.T) {
	server := azuretest.New(t, azuretest.Config{})
	server.AddVault(azuretest.Vault{Name: "relay", Tenant: tenant, Subscription: "s", ResourceGroup: "rg"})
	server.AddApp(azuretest.App{ClientID: client, Tenants: []string{tenant}, Secrets: []string{"hush"}, Grants: []azuretest.Grant{{Actions: azuretest.SecretsOfficer}}})
	transport := server.Client()
	t.Cleanup(transport.CloseIdleConnections)
	account := newAccount(t, transport)
	var log bytes.Buffer
	var taken []string
	refused := errors.New("no room")
	r := &reader{
		Vault: config.Vault{Vault: "relay", Secrets: []string{"prod/db", "prod/none"}, Every: time.Hour},
		log:   zerolog.New(&log), seen: map[string]string{}, failed: map[string]string{},
		accept: func(_ context.Context, d wire.Delivery) (string, error) {
			taken = append(taken, d.Statement)
			return "", refused
		},
	}
	if err := r.open(account, "agent"); err != nil {
		t.Fatal(err)
	}
	pass := func() {
		for _, secret := range r.Secrets {
			r.report(secret, r.take(t.Context(), secret))
		}
	}
	first, second := delivertest.Set(t, "prod/db", 1, 10), delivertest.Set(t, "prod/db", 2, 10)
	put(t, r.client, first)
	pass()
	pass()
	refused = nil
	pass()
	pass()
	put(t, r.client, second)
	pass()
	if want := []string{first.Statement, first.Statement, first.Statement, second.Statement}; strings.Join(taken, " ") != strings.Join(want, " ") {
		t.Errorf("%d deliveries were taken, want %d", len(taken), len(want))
	}
	for text, times := range map[string]int{"no room": 1, "is read again": 1, "has no copy yet": 1} {
		if got := strings.Count(log.String(), text); got != times {
			t.Errorf("%q was logged %d times:\n%s", text, got, log.String())
		}
	}
}

func newAccount(t *testing.T, transport *http.Client) *azure.Account {
	t.Helper()
	account, err := azure.New(azure.Settings{
		Config:     azure.Config{SignIn: "client-secret", Tenant: tenant, ClientID: client, ClientSecretFile: "s"},
		Transport:  transport,
		ReadSecret: func(string) (*secretbytes.Value, error) { return secretbytes.New([]byte("hush")), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// put writes a delivery as the service does.
func put(t *testing.T, secrets *azsecrets.Client, d outbox.Delivery) {
	t.Helper()
	value, err := sealed.Encode(sealed.Owner{Issuer: "relay", Agent: "agent"}, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]*string{}
	for name, text := range value.Tags {
		tags[name] = &text
	}
	if _, err := secrets.SetSecret(t.Context(), sealed.Name(sealed.Prefix("agent"), d.Secret), azsecrets.SetSecretParameters{Value: &value.Parts[0], Tags: tags}, nil); err != nil {
		t.Fatal(err)
	}
}
