package push_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewID(t *testing.T) {
	made := map[string]bool{}
	for range 1000 {
		made[push.NewID()] = true
	}
	if len(made) != 1000 {
		t.Errorf("%d of 1,000 IDs are distinct", len(made))
	}
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			before := push.NewID()
			<-time.After(time.Millisecond)
			if after := push.NewID(); after <= before || len(after) != len(before) {
				t.Fatalf("%s comes a millisecond after %s", after, before)
			}
		}
	})
}

const token = "a-bearer-token-of-enough-length"

func text(s string) *hooks.Value { return secretbytes.Copy([]byte(s)) }

func event() hooks.Event {
	return hooks.Event{Secret: "prod/db", Operation: hooks.Set, Value: text("tiger\xff")}
}

func accepted(id string) wire.Answer {
	return wire.Answer{
		Status: wire.Accepted, EventID: id, Secret: "prod/db", Version: 3,
		Agents: []wire.AgentOutcome{
			{Agent: "a", Outcome: wire.Queued, Destinations: []string{"files"}},
			{Agent: "b", Outcome: wire.Blocked, Detail: "the certificate expired"},
		},
	}
}

// receiver is a hook endpoint with the real verifiers and adapter; it answers
// that the event is accepted.
func receiver(t *testing.T, secret *verify.Secret) http.Handler {
	t.Helper()
	secretText, err := secret.Text()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := verify.NewStandardWebhooks(verify.StandardWebhooks{Secrets: []*hooks.Value{secretText}})
	if err != nil {
		t.Fatal(err)
	}
	bearer, err := verify.NewBearer(verify.Bearer{Tokens: []*hooks.Value{text(token)}})
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		request := &hooks.Request{Method: r.Method, Header: r.Header, Body: body, Received: time.Now()}
		verifier := signed
		if r.Header.Get("Authorization") != "" {
			verifier = bearer
		}
		if _, err := verifier.Verify(request); err != nil {
			t.Error(err)
		}
		message, err := adapters.Push{}.Read(request, hooks.Verified{})
		if err != nil {
			t.Error(err)
		} else if got := message.Events[0]; got.Secret != "prod/db" || !got.Value.Equal(event().Value) {
			t.Errorf("received %s, and a value of %d bytes", got.Secret, got.Value.Len())
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		if err := json.NewEncoder(w).Encode(accepted(r.Header.Get(verify.IDHeader))); err != nil {
			t.Error(err)
		}
	})
}

func TestPushOverTLS(t *testing.T) {
	secret := verify.NewSecret()
	server := httptest.NewUnstartedServer(receiver(t, secret))
	cert, key, pool := clientCertificate(t)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.StartTLS()
	defer server.Close()
	ca := writePEM(t, "CERTIFICATE", server.Certificate().Raw)

	client, err := push.NewHTTP(push.TLS{CAFile: ca, CertFile: cert, KeyFile: key})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	for name, c := range map[string]*push.Client{
		"signed": {URL: server.URL, Secret: secret, HTTP: client},
		"bearer": {URL: server.URL, Token: text(token), HTTP: client},
	} {
		e := event()
		e.ID = "msg_chosen"
		answer, err := c.Push(t.Context(), e)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(accepted("msg_chosen"), answer); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// TestUntrustedServerGetsNothing: a server with another certificate is not
// asked again, and sees no request.
func TestUntrustedServerGetsNothing(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the server got a request")
	}))
	connections := make(chan struct{}, 10)
	server.Config.ErrorLog = discard()
	server.Config.ConnState = countNew(connections)
	server.StartTLS()
	defer server.Close()
	client, err := push.NewHTTP(push.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	c := &push.Client{URL: server.URL, Secret: verify.NewSecret(), HTTP: client}
	_, err = c.Push(t.Context(), event())
	var untrusted *tls.CertificateVerificationError
	if !errors.As(err, &untrusted) || !strings.Contains(err.Error(), "--ca-file") {
		t.Errorf("error is %v", err)
	}
	if len(connections) != 1 {
		t.Errorf("%d connections, want 1", len(connections))
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the redirect was followed")
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(other.URL, status))
		c := &push.Client{URL: server.URL, Secret: verify.NewSecret(), HTTP: server.Client()}
		_, err := c.Push(t.Context(), event())
		var problem *wire.ProblemError
		if !errors.As(err, &problem) || problem.StatusCode != status || problem.Detail != "redirects are not followed; check the URL" {
			t.Errorf("%d: error is %v", status, err)
		}
		server.Close()
	}
}

func TestPushRefuses(t *testing.T) {
	secret := verify.NewSecret()
	never := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, errors.New("unexpected")
	})}
	const url = "https://relay.example/v1/hooks/a"
	const either = "set either a signing secret or a bearer token"
	tests := []struct {
		name   string
		client push.Client
		event  hooks.Event
		want   string
	}{
		{"no credential", push.Client{URL: url, HTTP: never}, event(), either},
		{"two credentials", push.Client{URL: url, Secret: secret, Token: text(token), HTTP: never}, event(), either},
		{"no HTTP", push.Client{URL: url, Secret: secret}, event(), "set the HTTP client"},
		{"plain http", push.Client{URL: "http://relay.example/", Secret: secret, HTTP: never}, event(), "the URL is not https; plain http is for loopback addresses only"},
		{"other scheme", push.Client{URL: "ftp://127.0.0.1/", Secret: secret, HTTP: never}, event(), "the URL is not https; plain http is for loopback addresses only"},
		{"no host", push.Client{URL: "relay.example", Secret: secret, HTTP: never}, event(), "the URL is not https://HOST/v1/hooks/SOURCE without user and password"},
		{"password in URL", push.Client{URL: "https://u:hunter2@relay.example/", Secret: secret, HTTP: never}, event(), "the URL is not https://HOST/v1/hooks/SOURCE without user and password"},
		{"no value", push.Client{URL: url, Secret: secret, HTTP: never}, hooks.Event{Secret: "a", Operation: hooks.Set}, "push a: no value in the event"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := test.client.Push(t.Context(), test.event); err == nil || err.Error() != test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

func TestNewHTTPRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, settings := range map[string]push.TLS{
		"missing CA file": {CAFile: empty + ".no"}, "empty CA file": {CAFile: empty},
		"certificate alone": {CertFile: empty}, "key alone": {KeyFile: empty}, "empty pair": {CertFile: empty, KeyFile: empty},
	} {
		if _, err := push.NewHTTP(settings); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// TestBodyIsWiped: what still reads the body after Push is done fails.
func TestBodyIsWiped(t *testing.T) {
	var kept io.Reader
	c := &push.Client{URL: "https://relay.example/", Secret: verify.NewSecret(), HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		kept = r.Body
		first := make([]byte, 10)
		if _, err := io.ReadFull(r.Body, first); err != nil || string(first) != `{"secret":` {
			t.Errorf("read %q, %v", first, err)
		}
		return respond(http.StatusForbidden, "", "", ""), nil
	})}}
	_, err := c.Push(context.Background(), event())
	if err == nil || !strings.Contains(err.Error(), "the server answered 403: Forbidden") {
		t.Errorf("error is %v", err)
	}
	if rest, err := io.ReadAll(kept); err == nil || len(rest) > 0 {
		t.Errorf("read %d bytes of a wiped body, %v", len(rest), err)
	}
}

func clientCertificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sender"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return writePEM(t, "CERTIFICATE", cert), writePEM(t, "PRIVATE KEY", pkcs8), pool
}

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
