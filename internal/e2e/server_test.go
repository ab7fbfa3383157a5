// Package e2e tests the whole service: what it never writes down, and what it
// never accepts.
package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/logtail"
)

// built is the folder of the binary, if a test asked for it.
var built string

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if built != "" {
			_ = os.RemoveAll(built)
		}
		os.Exit(code)
	}))
}

const token = "a-bearer-token-of-enough-length"

// syncBuffer is a buffer for many writers.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.b.Bytes())
}

// service is the real service on loopback, over TLS, and what came out of it.
type service struct {
	*app.App
	dir    string
	cfg    *config.Config
	client *http.Client
	secret *verify.Secret
	log    syncBuffer
	// tail is what a job can fetch of the log.
	tail *logtail.Tail
	// answers has every answer as it came, header and body.
	answers syncBuffer
	agents  map[string]any // private keys
}

const configuration = `signing_key_file: service.key
server: {listen: "127.0.0.1:0", cert_file: server.crt, key_file: server.key}
admin: {listen: "127.0.0.1:0"}
delivery: {workers: 4}
sources:
  signed:
    verify: {standard-webhooks: {secret_files: [hook.secret], public_keys: ["%s"]}}
    adapter: {push: {}}
    may_write: ["canary/**"]
    max_body_bytes: 4096
    rate_per_second: 100000
    rate_burst: 100000
  plain:
    verify: {bearer: {token_files: [token]}}
    adapter: {json: {secret: /name, value: /value, event_id: /id, time: /at}}
    may_write: ["canary/**"]
    max_body_bytes: 4096
    rate_per_second: 100000
    rate_burst: 100000
  fields:
    verify: {bearer: {token_files: [token]}}
    adapter: {json: {secret: /name, fields: {user: /user, password: /password}}}
    may_write: ["canary/**"]
    rate_per_second: 100000
    rate_burst: 100000
  strict:
    verify: {bearer: {token_files: [token]}}
    adapter: {json: {secret: /name, value: /value}}
    may_write: ["canary/**"]
    strict: true
  narrow:
    verify: {bearer: {token_files: [token]}}
    adapter: {json: {secret: /name, value: /value}}
    may_write: ["canary/**"]
    allow_from: [192.0.2.1]
  slow:
    verify: {bearer: {token_files: [token]}}
    adapter: {json: {secret: /name, value: /value}}
    may_write: ["canary/**"]
    rate_per_second: 0.001
    rate_burst: 1
agents:
  age:
    keys: {main: {file: age.pub}}
    destinations: {folder: {file: {dir: delivered/age}}}
  ec:
    keys: {main: {file: ec.pub}}
    destinations: {folder: {file: {dir: delivered/ec}}}
  expired: # stays blocked
    keys: {main: {file: expired.crt}}
    destinations: {folder: {file: {dir: delivered/expired}}}
  nowhere: # cannot be delivered to
    keys: {main: {file: age.pub}}
    destinations: {folder: {file: {dir: missing/folder/nowhere}}}
routes:
  - {secrets: ["canary/values/*"], agents: [age, ec, nowhere]}
  - {secrets: ["canary/values/mixed"], agents: [expired]}
`

// prepare writes what the service needs. The sender's private key, which signs
// like the secret does, is returned.
func prepare(t *testing.T) (*service, ed25519.PrivateKey) {
	t.Helper()
	s := &service{dir: t.TempDir(), secret: verify.NewSecret(), agents: map[string]any{}}
	s.writeFiles(t)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Appendf(nil, configuration, "whpk_"+base64.StdEncoding.EncodeToString(public))
	if s.cfg, err = config.Parse(text, s.dir); err != nil {
		t.Fatal(err)
	}
	return s, private
}

// start runs the service until the test ends.
func start(t *testing.T) *service {
	t.Helper()
	s, _ := prepare(t)
	s.tail = logtail.New(logtail.Size)
	log := zerolog.New(io.MultiWriter(s.tail, &s.log)).Level(zerolog.DebugLevel)
	var err error
	if s.App, err = app.New(t.Context(), s.cfg, app.Options{Version: "test", Logs: s.tail.Lines, Log: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *service) write(t *testing.T, name string, data []byte) {
	t.Helper()
	write(t, filepath.Join(s.dir, name), data)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *service) writeFiles(t *testing.T) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(s.dir, "delivered"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]string{"service": "ed25519", "age": "age", "ec": "ec-p256", "expired": "ec-p256"} {
		private, public, err := keys.Generate(kind)
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, name+".key", private)
		s.write(t, name+".pub", []byte(public))
		if s.agents[name], err = keys.ParsePrivate(private, nil); err != nil {
			t.Fatal(err)
		}
	}
	expired, err := keys.SelfSigned(s.agents["expired"], "expired", time.Now().AddDate(-1, 0, 0), time.Now().AddDate(0, 0, -1))
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "expired.crt", expired)
	s.write(t, "token", []byte(token))
	text, err := s.secret.Text()
	if err != nil {
		t.Fatal(err)
	}
	_ = text.Expose(func(secret []byte) error { s.write(t, "hook.secret", secret); return nil })
	s.writeServerCertificate(t)
}

func (s *service) writeServerCertificate(t *testing.T) {
	t.Helper()
	s.client = trusting(t, writeSelfSigned(t, s.dir, "server", x509.ExtKeyUsageServerAuth))
}

// writeSelfSigned writes NAME.crt, a certificate for 127.0.0.1 that is its own
// authority, and NAME.key. It returns the certificate.
func writeSelfSigned(t *testing.T, dir, name string, usage x509.ExtKeyUsage) (certificate []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{usage},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(t, filepath.Join(dir, name+".crt"), certificate)
	write(t, filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	return certificate
}

// trusting is a client of whoever shows that certificate; it shows shown.
func trusting(t *testing.T, certificate []byte, shown ...tls.Certificate) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, Certificates: shown},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// do sends a request, keeps the answer, and returns its status.
func (s *service) do(t *testing.T, r *http.Request) int {
	t.Helper()
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	dump, err := httputil.DumpResponse(response, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.answers.Write(dump); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// post is a request to a source, with a token.
func (s *service) post(t *testing.T, source, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+s.Address()+"/v1/hooks/"+source, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// signed is a request to the source signed.
func (s *service) signed(t *testing.T, id, body string) *http.Request {
	t.Helper()
	now := time.Now()
	signature, err := verify.SignV1(s.secret, id, now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	r := s.post(t, "signed", body)
	r.Header.Del("Authorization")
	r.Header.Set(verify.IDHeader, id)
	r.Header.Set(verify.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(verify.SignatureHeader, signature)
	return r
}

// admin gets a page of the admin listener.
func (s *service) admin(t *testing.T, path string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.AdminAddress()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.do(t, r)
}

// until polls for what another goroutine of the service brings about.
func until(t *testing.T, what string, done func() (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, err := done()
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-ticker.C:
		}
	}
}
