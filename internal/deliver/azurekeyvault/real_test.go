package azurekeyvault_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/deliver/azurekeyvault"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// TestRealVault runs the suite against the vault that AKV_TEST_VAULT names, in Azure or
// on another server. Each test has a prefix of its own; what it leaves can be purged.
func TestRealVault(t *testing.T) {
	vault := os.Getenv("AKV_TEST_VAULT")
	if vault == "" {
		t.Skip("AKV_TEST_VAULT is not set: no vault to test against")
	}
	w := &world{http: &http.Client{Transport: realTransport(t)}}
	t.Cleanup(w.http.CloseIdleConnections)
	var err error
	w.account, err = azure.New(azure.Settings{
		Config: azure.Config{
			SignIn: "client-secret", Tenant: os.Getenv("AKV_TEST_TENANT"), ClientID: os.Getenv("AKV_TEST_CLIENT_ID"),
			ClientSecretFile: "s", Authority: os.Getenv("AKV_TEST_AUTHORITY"),
		},
		Transport: w,
		ReadSecret: func(string) (*secretbytes.Value, error) {
			return secretbytes.New([]byte(os.Getenv("AKV_TEST_CLIENT_SECRET"))), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.account.Vault(vault)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := w.account.Secrets(v)
	if err != nil {
		t.Fatal(err)
	}
	round := 0
	delivertest.Run(t, func(t *testing.T) delivertest.Target {
		round++
		mine := fmt.Sprintf("sealrelay-test-%d-%d-", time.Now().Unix(), round)
		return delivertest.Target{
			Destination: w.open(t, azurekeyvault.Config{Vault: vault, Prefix: mine, Delete: "delete", SoftDeleted: "recover"}),
			Read: func(secret string) ([]byte, string, error) {
				held, err := sealed.Read(context.Background(), secrets, w.account.Pace(v), mine, secret)
				if len(held.Envelope) == 0 {
					held.Envelope = nil
				}
				return held.Envelope, held.Statement, err
			},
			Stray: func() ([]string, error) { return nil, nil },
		}
	})
}

// realTransport goes to AKV_TEST_ADDR, if it is set, whatever host is asked for.
func realTransport(t *testing.T) *http.Transport {
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, Proxy: http.ProxyFromEnvironment}
	if file := os.Getenv("AKV_TEST_CA_FILE"); file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(data) {
			t.Fatal("AKV_TEST_CA_FILE has no PEM certificate")
		}
	}
	if addr := os.Getenv("AKV_TEST_ADDR"); addr != "" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
	}
	return transport
}
