package kinds_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores/azurekeyvault"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// TestVault does the jobs of a certificate's life in an Azure Key Vault: added, renewed
// with a key that never leaves the vault, removed.
func TestVault(t *testing.T) {
	const tenant, client = "11111111-1111-1111-1111-111111111111", "44444444-4444-4444-4444-444444444444"
	server := azuretest.New(t, azuretest.Config{Settle: 20 * time.Millisecond})
	transport := server.Client()
	t.Cleanup(transport.CloseIdleConnections)
	server.AddVault(azuretest.Vault{Name: "relay", Tenant: tenant, Subscription: "33333333-3333-3333-3333-333333333333", ResourceGroup: "rg"})
	server.AddApp(azuretest.App{ClientID: client, Tenants: []string{tenant}, Secrets: []string{"hush"}, Grants: []azuretest.Grant{{Actions: azuretest.CertificatesOfficer}}})
	account, err := azure.New(azure.Settings{
		Config: azure.Config{SignIn: "client-secret", Tenant: tenant, ClientID: client, ClientSecretFile: "s"}, Transport: transport,
		ReadSecret: func(string) (*secretbytes.Value, error) { return secretbytes.New([]byte("hush")), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	store, err := azurekeyvault.New(azurekeyvault.Config{Vault: "relay"}, account)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pair := storetest.NewPair(t, "rsa-2048", "web")
	p12, err := keys.SendPKCS12(pair.Private, pair.Certificates, "web", []byte("canary"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "web.p12", p12)
	write(t, dir, "password", []byte("canary"))
	j := with(store)
	const target = "{store: s, alias: web"
	report, lines, err := j.run(t, "add", target+", file: '"+filepath.Join(dir, "web.p12")+"', password_file: '"+filepath.Join(dir, "password")+"', tags: {owner: ops}}")
	wants(t, report, err, jobs.Report{Message: "web: added", Changed: "s"})
	if len(lines) != 1 || lines[0]["version"] == "" {
		t.Errorf("put out %v", lines)
	}

	renew := target + ", subject: CN=web, names: [web.example], key: ec-p384, not_exportable: true, renew_before: 2h}"
	j.sign = func(context.Context, []byte) ([]byte, error) { return nil, errors.New("the authority is away") }
	report, _, err = j.run(t, "re-enrol", strings.Replace(renew, "2h", "48h", 1))
	fails(t, err, "the authority is away")
	if got := server.Certificates("relay")["web"]; got.KeyType != "RSA" || report.Changed != "s" {
		t.Errorf("in use is %+v, %+v", got, report)
	}
	j.sign = newAuthority(t, "authority").sign
	report, lines, err = j.run(t, "re-enrol", strings.Replace(renew, "2h", "48h", 1))
	lasts(t, report, err, "web: finished; a request was under way already; ")
	got := server.Certificates("relay")["web"]
	if got.Curve != "P-384" || got.Exportable || got.Versions != 2 || got.Tags["owner"] != "ops" || len(lines) != 1 || server.Asked("POST /certificates/{name}/create") != 1 {
		t.Errorf("in use is %+v, put out %v", got, lines)
	}
	report, _, err = j.run(t, "re-enrol", strings.Replace(renew, "2h", "30m", 1))
	if err != nil || !strings.Contains(report.Message, "nothing to do") || report.Changed != "" {
		t.Errorf("again: %+v, %v", report, err)
	}

	report, _, err = j.run(t, "remove", target+", purge: false}")
	wants(t, report, err, jobs.Report{Message: "web: removed", Changed: "s"})
	report, _, err = j.run(t, "remove", target+"}")
	wants(t, report, err, jobs.Report{Warning: true, Message: "web: not there, nothing removed"})
}
