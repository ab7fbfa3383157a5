//go:build unix

package crashtest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

const source = "manager"

// receiver is an agent with its private key.
type receiver struct {
	name, kind, extension string
	private               any
}

// site is a folder with all that a service needs. What the service writes is
// below state: the outbox in state/data, the envelopes of an agent in
// state/delivered/AGENT.
type site struct {
	dir, state string
	agents     []receiver
	secret     *verify.Secret
	service    ed25519.PublicKey
	roots      *x509.CertPool
}

func newSite(t testing.TB, dir string) *site {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{
		dir: dir, state: filepath.Join(dir, "state"), secret: verify.NewSecret(), roots: x509.NewCertPool(),
		agents: []receiver{
			{name: "jobs", kind: "ec-p256", extension: ".js7"},
			{name: "web", kind: "ec-p384", extension: ".js7"},
			{name: "batch", kind: "age", extension: ".age"},
		},
	}
	// The file destination makes an agent's folder, but not those above it.
	if err := os.MkdirAll(filepath.Join(s.state, "delivered"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.makeKeys(t)
	s.makeCertificate(t)
	s.write(t, "sealrelay.yaml", []byte(s.configuration()))
	return s
}

func (s *site) config() string { return filepath.Join(s.dir, "sealrelay.yaml") }

func (s *site) write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// configuration has short retries and leases: a claim of a killed process
// holds up its delivery for one and a half seconds.
func (s *site) configuration() string {
	var b strings.Builder
	fmt.Fprintf(&b, `issuer: crashtest
data_dir: state/data
signing_key_file: service.key
server: {listen: "127.0.0.1:0", cert_file: server.crt, key_file: server.key, shutdown_timeout: 10s}
admin: {listen: "127.0.0.1:0"}
delivery: {workers: 4, timeout: 1s, retry_first: 50ms, retry_max: 500ms}
sources:
  %s:
    verify: {standard-webhooks: {secret_files: [hook.secret]}}
    adapter: {push: {}}
    may_write: ["prod/**"]
    rate_per_second: 100000
    rate_burst: 100000
agents:
`, source)
	names := make([]string, len(s.agents))
	for i, agent := range s.agents {
		names[i] = agent.name
		fmt.Fprintf(&b, "  %[1]s:\n    keys: {main: {file: %[1]s.pub}}\n    destinations: {folder: {file: {dir: state/delivered/%[1]s}}}\n", agent.name)
	}
	fmt.Fprintf(&b, "routes:\n  - secrets: [\"prod/**\"]\n    agents: [%s]\n", strings.Join(names, ", "))
	return b.String()
}

func (s *site) makeKeys(t testing.TB) {
	t.Helper()
	for i := range s.agents {
		private, public := generate(t, s.agents[i].kind)
		s.write(t, s.agents[i].name+".pub", []byte(public))
		var err error
		if s.agents[i].private, err = keys.ParsePrivate(private, nil); err != nil {
			t.Fatal(err)
		}
	}
	private, public := generate(t, "ed25519")
	s.write(t, "service.key", private)
	var err error
	if s.service, err = keys.ParseVerifying([]byte(public)); err != nil {
		t.Fatal(err)
	}
	text, err := s.secret.Text()
	if err != nil {
		t.Fatal(err)
	}
	err = text.Expose(func(plaintext []byte) error {
		return os.WriteFile(filepath.Join(s.dir, "hook.secret"), plaintext, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func generate(t testing.TB, kind string) (private []byte, public string) {
	t.Helper()
	private, public, err := keys.Generate(kind)
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

// makeCertificate makes the server's certificate, which is its own authority.
func (s *site) makeCertificate(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "crashtest"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:        true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	s.roots.AppendCertsFromPEM(certificate)
	s.write(t, "server.crt", certificate)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "server.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func (s *site) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS13},
			MaxIdleConnsPerHost: 64,
		},
		Timeout: patience,
	}
}
