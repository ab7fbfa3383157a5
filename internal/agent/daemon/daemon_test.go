package daemon_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/agent/agenttest"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/daemon"
	"github.com/sealrelay/sealrelay/internal/agent/receiver"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority issues certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.key, a.cert = a.issue("authority", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	})
	return a
}

// issue issues a certificate for a client of that name, or signs its own if the
// authority has none yet.
func (a *authority) issue(name string, change func(*x509.Certificate)) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	change(template)
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, cert
}

func certPEM(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

// client is one that shows the certificate; none, if there is no key.
func client(t *testing.T, key *ecdsa.PrivateKey, cert *x509.Certificate) *http.Client {
	secure := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // It is the server that is tested.
	if key != nil {
		secure.Certificates = []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}
	}
	transport := &http.Transport{TLSClientConfig: secure}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// post posts a delivery and returns the status and the receipt's claims.
func post(t *testing.T, by *http.Client, address string, a *agenttest.Agent, delivery wire.Delivery) (int, receipt.Claims) {
	t.Helper()
	body, err := json.Marshal(delivery)
	if err != nil {
		t.Fatal(err)
	}
	response, err := by.Post("https://"+address+receiver.Path, "application/json", bytes.NewReader(body))
	if err != nil {
		return 0, receipt.Claims{}
	}
	defer response.Body.Close()
	var answer wire.Receipt
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Error(err)
	}
	claims, _ := receipt.Verify(answer.Receipt, a.Signing)
	return response.StatusCode, claims
}

// start runs the daemon until the returned function stops it.
func start(t *testing.T, a *agenttest.Agent) (address string, stop func() error) {
	t.Helper()
	read, write := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := daemon.Run(ctx, a.Config(), daemon.Options{Azure: noAzure, Log: zerolog.New(write)})
		write.Close()
		ended <- err
	}()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	log := json.NewDecoder(read)
	for {
		var line struct{ Message, Receive string }
		if err := log.Decode(&line); err != nil {
			t.Fatalf("it did not start: %v", stop())
		}
		if line.Message == "agent is ready" {
			go func() { _, _ = io.Copy(io.Discard, io.MultiReader(log.Buffered(), read)) }()
			return line.Receive, stop
		}
	}
}

func newReceiver(t *testing.T, relay *authority, settings, actions string) *agenttest.Agent {
	t.Helper()
	a := agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age",
		fmt.Sprintf("receive: {listen: '127.0.0.1:0', cert_file: tls.crt, key_file: tls.key, %s}\n%s", settings, actions))
	key, cert := newAuthority(t).issue("web", func(*x509.Certificate) {})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.Write("tls.crt", certPEM(cert))
	a.Write("tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	a.Write("relay-ca.crt", certPEM(relay.cert))
	return a
}

// TestReceive takes many deliveries at once, over real connections, and stops with
// all of them answered or not begun.
func TestReceive(t *testing.T) {
	relay := newAuthority(t)
	a := newReceiver(t, relay, "client_ca_file: relay-ca.crt, client_names: [relay]", "actions: [{secrets: ['**'], touch: touched, debounce: 5ms}]\n")
	address, stop := start(t, a)
	key, cert := relay.issue("relay", func(*x509.Certificate) {})
	service := client(t, key, cert)
	var sending sync.WaitGroup
	for s := range 10 {
		sending.Go(func() {
			for version := range int64(10) {
				status, claims := post(t, service, address, a, a.Set(fmt.Sprint("s", s), version+1, "tiger"))
				if status != http.StatusOK || claims.Version != version+1 || claims.Action != receipt.Done {
					t.Errorf("status %d, receipt %+v", status, claims)
				}
			}
		})
	}
	sending.Wait()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if status, _ := post(t, service, address, a, a.Set("s", 1, "x")); status != 0 {
		t.Error("it takes deliveries after its end")
	}
}

// TestWhoMayConnect: only the service gets as far as HTTP.
func TestWhoMayConnect(t *testing.T) {
	relay, stranger := newAuthority(t), newAuthority(t)
	good := func(*x509.Certificate) {}
	pinnedKey, pinned := relay.issue("relay", good)
	sum := sha256.Sum256(pinned.Raw)
	pin := "client_pins: ['sha256:" + hex.EncodeToString(sum[:]) + "']"
	for _, tc := range []struct {
		name, settings string
		by             func() (*ecdsa.PrivateKey, *x509.Certificate)
		takes          bool
	}{
		{"issued by the authority", "client_ca_file: relay-ca.crt", func() (*ecdsa.PrivateKey, *x509.Certificate) { return relay.issue("any", good) }, true},
		{"no certificate", "client_ca_file: relay-ca.crt", func() (*ecdsa.PrivateKey, *x509.Certificate) { return nil, nil }, false},
		{"of a stranger", "client_ca_file: relay-ca.crt", func() (*ecdsa.PrivateKey, *x509.Certificate) { return stranger.issue("relay", good) }, false},
		{"another name", "client_ca_file: relay-ca.crt, client_names: [relay]", func() (*ecdsa.PrivateKey, *x509.Certificate) { return relay.issue("other", good) }, false},
		{"expired", "client_ca_file: relay-ca.crt", func() (*ecdsa.PrivateKey, *x509.Certificate) {
			return relay.issue("relay", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
		}, false},
		{"for servers only", "client_ca_file: relay-ca.crt", func() (*ecdsa.PrivateKey, *x509.Certificate) {
			return relay.issue("relay", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
		}, false},
		{"pinned", pin, func() (*ecdsa.PrivateKey, *x509.Certificate) { return pinnedKey, pinned }, true},
		{"not pinned", pin, func() (*ecdsa.PrivateKey, *x509.Certificate) { return relay.issue("relay", good) }, false},
		{"issued, and not pinned", "client_ca_file: relay-ca.crt, " + pin, func() (*ecdsa.PrivateKey, *x509.Certificate) { return relay.issue("relay", good) }, false},
		{"issued and pinned", "client_ca_file: relay-ca.crt, " + pin, func() (*ecdsa.PrivateKey, *x509.Certificate) { return pinnedKey, pinned }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newReceiver(t, relay, tc.settings, "")
			address, _ := start(t, a)
			key, cert := tc.by()
			status, claims := post(t, client(t, key, cert), address, a, a.Set("s", 1, "tiger"))
			if (status == http.StatusOK) != tc.takes || (claims.Version == 1) != tc.takes || !tc.takes && status != 0 {
				t.Errorf("status %d, receipt %+v", status, claims)
			}
		})
	}
}

func TestRunRefuses(t *testing.T) {
	relay := newAuthority(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tc := range []struct {
		name, says string
		make       func(t *testing.T) *agenttest.Agent
	}{
		{"nothing would come", "neither receive, mailbox nor vaults", func(t *testing.T) *agenttest.Agent {
			return agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age", "")
		}},
		{"no certificate", "server certificate", func(t *testing.T) *agenttest.Agent {
			a := newReceiver(t, relay, "client_ca_file: relay-ca.crt", "")
			a.Write("tls.crt", "")
			return a
		}},
		{"no authority", "no PEM certificate", func(t *testing.T) *agenttest.Agent {
			a := newReceiver(t, relay, "client_ca_file: relay-ca.crt", "")
			a.Write("relay-ca.crt", "")
			return a
		}},
		{"the address is taken", "address already in use", func(t *testing.T) *agenttest.Agent {
			a := newReceiver(t, relay, "client_ca_file: relay-ca.crt", "")
			a.Write("agent.yaml", "name: web\nidentities: [{file: agent.key}]\nservice_key_files: [service.pub]\nsigning_key_file: signing.key\n"+
				"receive: {listen: '"+taken.Addr().String()+"', cert_file: tls.crt, key_file: tls.key, client_ca_file: relay-ca.crt}\n")
			return a
		}},
		{"no URL", "mailbox: the URL", func(t *testing.T) *agenttest.Agent {
			return agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age", "mailbox: {url: relay}\n")
		}},
		{"no authority of the mailbox", "mailbox: open", func(t *testing.T) *agenttest.Agent {
			return agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age", "mailbox: {url: 'https://relay', ca_file: none}\n")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := daemon.Run(t.Context(), tc.make(t).Config(), daemon.Options{Azure: noAzure, Log: zerolog.Nop()})
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

var noAzure = daemon.Azure{Vaults: func(*config.Config, daemon.Accept, zerolog.Logger) ([]daemon.Part, error) { return nil, nil }}
