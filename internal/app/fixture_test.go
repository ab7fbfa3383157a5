package app

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "a-bearer-token-of-enough-length"

// logged is a log for many writers.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const base = `signing_key_file: service.key
server: {listen: "127.0.0.1:0", shutdown_timeout: 10s}
admin: {listen: "127.0.0.1:0"}
sources:
  vault:
    verify: {bearer: {token_files: [token]}}
    adapter: {push: {}}
    may_write: ["prod/**"]
agents:
  web:
    keys: {main: {file: web.pub}}
    destinations: {folder: {file: {dir: web}}}
routes:
  - {secrets: ["prod/db"], agents: [web]}
`

// withBatch is base with one more agent and route.
var withBatch = strings.Replace(base, "routes:\n", `  batch:
    keys: {main: {file: batch.pub}}
    destinations: {folder: {file: {dir: batch}}}
routes:
  - {secrets: ["prod/**"], agents: [batch]}
`, 1)

// folder has the files that the configurations name.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, kind := range map[string]string{"service": "ed25519", "web": "age", "batch": "age", "old": "ec-p256"} {
		private, public, err := keys.Generate(kind)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name+".key", private)
		write(t, dir, name+".pub", []byte(public))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old, err := keys.SelfSigned(key, "old", time.Now().AddDate(-1, 0, 0), time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "old.crt", old)
	write(t, dir, "token", []byte(token+"\n"))
	return dir
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeCertificate puts a certificate with that serial number there.
func writeCertificate(t *testing.T, dir string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "server.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, dir, "server.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func parse(t *testing.T, text, dir string) *config.Config {
	t.Helper()
	cfg, err := config.Parse([]byte(text), dir)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// running is a started service on plain HTTP.
type running struct {
	*App
	dir    string
	log    *logged
	client *http.Client
}

func run(t *testing.T, text string) *running {
	t.Helper()
	return runIn(t, folder(t), text)
}

// runIn is run with files that are there already.
func runIn(t *testing.T, dir, text string) *running {
	t.Helper()
	r := &running{dir: dir, log: &logged{}, client: &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}}
	var err error
	r.App, err = New(t.Context(), parse(t, text, r.dir), Options{InsecureLoopback: true, Version: "1.2.3", Log: zerolog.New(r.log)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

func hookBody(secret, value string) string {
	return fmt.Sprintf(`{"secret":%q,"value":%q}`, secret, value)
}

// post sends a hook. It returns the answer, empty if it is not a success.
func (r *running) post(t *testing.T, secret, value string) (status int, answer wire.Answer) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.Address()+"/v1/hooks/vault", strings.NewReader(hookBody(secret, value)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := r.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode < 300 {
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
	}
	return response.StatusCode, answer
}

// get reads a page of the admin listener.
func (r *running) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	return r.ask(t, "", http.MethodGet, path)
}

// ask asks the admin listener, with a token if there is one.
func (r *running) ask(t *testing.T, bearer, method, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.AdminAddress()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := r.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

// until polls for what another goroutine of the service brings about.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-ticker.C:
		}
	}
}

// writeSoon puts a certificate there that expires in that time.
func writeSoon(t *testing.T, dir, name string, in time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := keys.SelfSigned(key, "soon", time.Now().Add(-time.Hour), time.Now().Add(in))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, name, certificate)
}
