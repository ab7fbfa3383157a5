package https_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/https"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serviceKey and issuer are those that package delivertest signs with, agentKey
// is the agent's.
var (
	serviceKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	agentKey   = ed25519.NewKeyFromSeed([]byte("the agent's seed is of 32 bytes."))
)

const issuer = "delivertest"

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// agent is a receiver that behaves as an agent of ours: it verifies the
// statement, keeps the newest version, and answers with the receipt of what it
// has.
type agent struct {
	mu   sync.Mutex
	held map[string]held
	// applied are the versions of each secret in the order in which they came in
	// force.
	applied map[string][]int64
}

type held struct {
	wire.Delivery
	statement.Claims
	receipt string
}

func newAgent() *agent { return &agent{held: map[string]held{}, applied: map[string][]int64{}} }

func (a *agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
	if err != nil {
		return // The body did not arrive whole: whoever sent it tries again.
	}
	a.answer(w, body)
}

func (a *agent) answer(w http.ResponseWriter, body []byte) {
	receipt, title := a.take(body)
	if title != "" {
		problem(w, http.StatusUnprocessableEntity, title)
		return
	}
	_ = json.NewEncoder(w).Encode(wire.Receipt{Receipt: receipt})
}

// take applies a delivery unless it has that version or a newer one.
func (a *agent) take(body []byte) (signed, refused string) {
	var d wire.Delivery
	if err := json.Unmarshal(body, &d); err != nil {
		return "", "not a delivery"
	}
	claims, err := statement.Verify(d.Statement, public(serviceKey))
	if err != nil || claims.Covers(d.Envelope) != nil || claims.Agent != "agent" {
		return "", "not the service's"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if has, found := a.held[claims.Secret]; found && has.Version >= claims.Version {
		return has.receipt, ""
	}
	signer, err := receipt.NewSigner(agentKey)
	if err != nil {
		return "", err.Error()
	}
	if signed, err = signer.Sign(receipt.For(claims, time.Now(), receipt.None, "")); err != nil {
		return "", err.Error()
	}
	a.held[claims.Secret] = held{d, claims, signed}
	a.applied[claims.Secret] = append(a.applied[claims.Secret], claims.Version)
	return signed, ""
}

func (a *agent) read(secret string) (envelope []byte, signed string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	has := a.held[secret]
	return has.Envelope, has.Statement, nil
}

func problem(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", wire.ProblemType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(wire.Problem{Title: title, Status: status, Detail: "DETAIL"})
}

// serve starts a receiver and returns it with a folder in which ca.pem has the
// authority of its certificate.
func serve(t testing.TB, handler http.Handler) (server *httptest.Server, dir string) {
	t.Helper()
	server = httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
	server.StartTLS()
	t.Cleanup(server.Close)
	dir = t.TempDir()
	writePEM(t, filepath.Join(dir, "ca.pem"), "CERTIFICATE", server.Certificate().Raw)
	return server, dir
}

func writePEM(t testing.TB, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// open makes a destination of a configuration; paths start at dir.
func open(dir, config string, keys ...ed25519.PublicKey) (deliver.Destination, error) {
	return https.New(deliver.Settings{
		Decode: func(into any) error { return yaml.Load([]byte(config), into, yaml.WithKnownFields()) },
		Path:   func(name string) string { return filepath.Join(dir, name) },
		ReadSecret: func(name string) (*secretbytes.Value, error) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			return secretbytes.New(data), err
		},
		Agent:   deliver.Agent{Name: "agent", SigningKeys: keys},
		Service: func() (deliver.Service, error) { return deliver.Service{Issuer: issuer, Key: serviceKey}, nil },
	})
}

// to is a destination at a URL on this machine, with more lines of configuration.
func to(t testing.TB, url, dir, more string, keys ...ed25519.PublicKey) deliver.Destination {
	t.Helper()
	destination, err := open(dir, "url: "+url+"\nca_file: ca.pem\nallow: [127.0.0.0/8]\n"+more, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return destination
}

// certificate makes a self-signed one for a client, or for a server at addresses.
func certificate(t testing.TB, notAfter time.Time, addresses ...net.IP) tls.Certificate {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: notAfter,
		DNSNames: []string{"elsewhere.example"}, IPAddresses: addresses, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// newSecret makes a file with a secret shared with the receiver, and returns it.
func newSecret(t testing.TB, dir, name string) string {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	text := "whsec_" + base64.StdEncoding.EncodeToString(key)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return text
}
