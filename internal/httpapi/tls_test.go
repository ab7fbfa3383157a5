package httpapi_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/servercert"
)

func newECKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// files are a server's certificate and key on disk.
type files struct {
	dir   string
	wrote int
}

func (f *files) cert() string { return filepath.Join(f.dir, "server.crt") }
func (f *files) key() string  { return filepath.Join(f.dir, "server.key") }

// write puts a certificate with that serial number and end there.
func (f *files) write(t *testing.T, serial int64, notAfter time.Time) {
	t.Helper()
	key := newECKey(t, elliptic.P256())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: notAfter.AddDate(-1, 0, 0), NotAfter: notAfter,
		DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f.put(t, f.cert(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	f.put(t, f.key(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// put writes a file with a modification time of its own, however fast it was.
func (f *files) put(t *testing.T, name string, data []byte) {
	t.Helper()
	f.wrote++
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_700_000_000+int64(f.wrote), 0)
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestCertificateReload: a changed file is seen within a second, a good one is
// used, a bad one is reported once and the old one kept.
func TestCertificateReload(t *testing.T) {
	f := &files{dir: t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		aSecondLater := func() { <-time.After(time.Second) } // by the bubble's clock
		var log bytes.Buffer
		nextYear := time.Now().AddDate(1, 0, 0).Add(-time.Hour)
		f.write(t, 1, nextYear)
		certificate, err := servercert.Load(f.cert(), f.key(), zerolog.New(&log))
		if err != nil {
			t.Fatal(err)
		}
		get := certificate.TLSConfig().GetCertificate
		serves := func(when string, want int64) {
			t.Helper()
			got, err := get(nil)
			if err != nil || got.Leaf.SerialNumber.Int64() != want {
				t.Errorf("%s: serves %v, want %d; %v", when, got.Leaf.SerialNumber, want, err)
			}
		}
		reported := func(want int) {
			t.Helper()
			if got := strings.Count(log.String(), "the old one is kept"); got != want {
				t.Errorf("%d bad certificates reported, want %d:\n%s", got, want, log.String())
			}
		}
		serves("at first", 1)
		f.write(t, 2, nextYear)
		serves("too early to look", 1)
		aSecondLater()
		serves("after the change", 2)

		f.put(t, f.cert(), []byte("no certificate"))
		aSecondLater()
		serves("after a bad one", 2)
		reported(1)
		aSecondLater()
		serves("the bad one again", 2)
		reported(1)
		if err := certificate.Reload(); err == nil {
			t.Error("Reload of a bad certificate succeeds")
		}

		f.write(t, 3, time.Now().Add(-time.Minute))
		aSecondLater()
		serves("after an expired one", 2)
		reported(2)
		if err := certificate.Reload(); err == nil || !strings.Contains(err.Error(), "expired at") {
			t.Errorf("Reload of an expired certificate: %v", err)
		}
		if err := os.Remove(f.key()); err != nil {
			t.Fatal(err)
		}
		aSecondLater()
		serves("without a key", 2)

		f.write(t, 4, nextYear)
		if err := certificate.Reload(); err != nil {
			t.Error(err)
		}
		serves("after Reload", 4)
	})
}

func TestCertificateMissing(t *testing.T) {
	if _, err := servercert.Load("none.crt", "none.key", zerolog.Nop()); err == nil {
		t.Error("loaded")
	}
}

// serveTLS serves the handler until the test ends.
func serveTLS(t *testing.T, handler http.Handler, askClient func() bool) (address string) {
	t.Helper()
	f := &files{dir: t.TempDir()}
	f.write(t, 1, time.Now().Add(time.Hour))
	certificate, err := servercert.Load(f.cert(), f.key(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httpapi.NewServer(handler, certificate.AskingTLSConfig(askClient), zerolog.Nop())
	var done sync.WaitGroup
	done.Go(func() { _ = server.ServeTLS(listener, "", "") })
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		done.Wait()
	})
	return listener.Addr().String()
}

func TestTLSVersions(t *testing.T) {
	address := serveTLS(t, http.NotFoundHandler(), func() bool { return false })
	for version, good := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != good {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

// TestClientIsAsked only while some source needs a client certificate.
func TestClientIsAsked(t *testing.T) {
	var needed atomic.Bool
	address := serveTLS(t, http.NotFoundHandler(), needed.Load)
	for _, asks := range []bool{false, true, false} {
		needed.Store(asks)
		asked := false
		conn, err := tls.Dial("tcp", address, &tls.Config{
			InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return &tls.Certificate{}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if asked != asks {
			t.Errorf("asked %v, want %v", asked, asks)
		}
	}
}

// TestLimits: each limit of a connection is set, so that nobody holds one for
// long.
func TestLimits(t *testing.T) {
	server := httpapi.NewServer(http.NotFoundHandler(), nil, zerolog.Nop())
	for name, limit := range map[string]struct{ got, most time.Duration }{
		"ReadHeaderTimeout": {server.ReadHeaderTimeout, 10 * time.Second},
		"ReadTimeout":       {server.ReadTimeout, 30 * time.Second},
		"WriteTimeout":      {server.WriteTimeout, time.Minute},
		"IdleTimeout":       {server.IdleTimeout, 5 * time.Minute},
	} {
		if limit.got <= 0 || limit.got > limit.most {
			t.Errorf("%s is %s, at most %s is fine", name, limit.got, limit.most)
		}
	}
	if server.MaxHeaderBytes <= 0 || server.MaxHeaderBytes > 64<<10 || server.ErrorLog == nil {
		t.Errorf("MaxHeaderBytes %d", server.MaxHeaderBytes)
	}
}

// TestSlowBodyIsCut has a sender that stops in the middle of its body, against
// a server with its read limit shortened.
func TestSlowBodyIsCut(t *testing.T) {
	f := newFixture(t, nil)
	server := httpapi.NewServer(f, nil, zerolog.Nop())
	server.ReadTimeout = 50 * time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(listener) })
	defer done.Wait()
	defer func() { _ = server.Close() }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("POST /v1/hooks/vault HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"value\":\"" + canary)); err != nil {
		t.Fatal(err)
	}
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(conn); err != nil { // to the end: the server closes
		t.Fatal(err)
	}
	if !strings.HasPrefix(answer.String(), "HTTP/1.1 400 ") || strings.Contains(answer.String(), canary) {
		t.Errorf("answered %q", answer.String())
	}
}
