package https_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
)

// withTLS starts a receiver of its own TLS settings.
func withTLS(t *testing.T, config *tls.Config) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func deliverOne(t *testing.T, destination deliver.Destination) error {
	t.Helper()
	_, err := destination.Deliver(t.Context(), delivertest.Set(t, "prod/db", 1, 100))
	return err
}

func TestReceiverCertificates(t *testing.T) {
	const none = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	_, dir := serve(t, http.NotFoundHandler()) // ca.pem is the authority of httptest's servers
	here := net.IPv4(127, 0, 0, 1)
	own, expired := certificate(t, time.Now().Add(time.Hour)), certificate(t, time.Now().Add(-time.Hour), here)
	named := certificate(t, time.Now().Add(time.Hour), here)
	writePEM(t, filepath.Join(dir, "own.pem"), "CERTIFICATE", own.Certificate[0])
	writePEM(t, filepath.Join(dir, "expired.pem"), "CERTIFICATE", expired.Certificate[0])
	ofOwn, ofKey := fingerprint(own.Leaf.Raw), fingerprint(own.Leaf.RawSubjectPublicKeyInfo)
	for _, test := range []struct {
		name   string
		server *tls.Config
		config string
		want   string
	}{
		{"authority", &tls.Config{}, "ca_file: ca.pem", ""},
		{"system's authorities", &tls.Config{}, "", "an authority that is not trusted"},
		{"another authority", &tls.Config{}, "ca_file: own.pem", "an authority that is not trusted"},
		{"another name", &tls.Config{Certificates: []tls.Certificate{own}}, "ca_file: own.pem", "for another host"},
		{"expired", &tls.Config{Certificates: []tls.Certificate{expired}}, "ca_file: expired.pem", "has expired"},
		{"pinned certificate", &tls.Config{Certificates: []tls.Certificate{own}}, "pins: ['" + ofOwn + "']", ""},
		{"pinned key", &tls.Config{Certificates: []tls.Certificate{own}}, "pins: ['" + none + "', '" + ofKey + "']", ""},
		{"another pin", &tls.Config{Certificates: []tls.Certificate{own}}, "pins: ['" + none + "']", "none of pins"},
		{"pinned and expired", &tls.Config{Certificates: []tls.Certificate{expired}}, "pins: ['" + fingerprint(expired.Leaf.Raw) + "']", "pinned, but has expired"},
		{"authority and another pin", &tls.Config{}, "ca_file: ca.pem\npins: ['" + ofKey + "']", "none of pins"},
		{"pin and another authority", &tls.Config{Certificates: []tls.Certificate{named}}, "ca_file: ca.pem\npins: ['" + fingerprint(named.Leaf.Raw) + "']", "an authority that is not trusted"},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, "ca_file: ca.pem", ""},
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "ca_file: ca.pem", "protocol version"},
	} {
		t.Run(test.name, func(t *testing.T) {
			destination, err := open(dir, "url: "+withTLS(t, test.server)+"\nallow: [127.0.0.1]\n"+test.config)
			if err != nil {
				t.Fatal(err)
			}
			err = deliverOne(t, destination)
			if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || final(err)) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

// A client certificate that is renewed is shown without a new configuration.
func TestClientCertificate(t *testing.T) {
	_, dir := serve(t, http.NotFoundHandler())
	good, bad := certificate(t, time.Now().Add(time.Hour)), certificate(t, time.Now().Add(time.Hour))
	roots := x509.NewCertPool()
	roots.AddCert(good.Leaf)
	url := withTLS(t, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots})
	if err := deliverOne(t, to(t, url, dir, "")); err == nil || !strings.Contains(err.Error(), "know the client certificate?") {
		t.Errorf("without a certificate: %v", err)
	}
	writePair(t, dir, bad)
	destination := to(t, url, dir, "cert_file: client.pem\nkey_file: client.key")
	if err := deliverOne(t, destination); err == nil {
		t.Error("the certificate that the receiver does not know was taken")
	}
	writePEM(t, filepath.Join(dir, "client.pem"), "CERTIFICATE", good.Certificate[0])
	if err := deliverOne(t, destination); err == nil || !strings.Contains(err.Error(), "client certificate: ") {
		t.Errorf("halfway through the renewal: %v", err)
	}
	writePair(t, dir, good)
	if err := deliverOne(t, destination); err != nil {
		t.Errorf("after the renewal: %v", err)
	}
}

func writePair(t *testing.T, dir string, c tls.Certificate) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "client.pem"), "CERTIFICATE", c.Certificate[0])
	writePEM(t, filepath.Join(dir, "client.key"), "PRIVATE KEY", key)
}

// The address counts that a name has when a connection is made; nothing is sent
// to one that is refused.
func TestRefusedAddresses(t *testing.T) {
	server, dir := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came") }))
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for _, allow := range []string{"", "allow: [10.0.0.0/8]", "allow: [0.0.0.0/0]"} {
		destination, err := open(dir, "url: https://localhost:"+port+"/\nca_file: ca.pem\n"+allow)
		if err != nil {
			t.Fatal(err)
		}
		if err := deliverOne(t, destination); err == nil || final(err) || !strings.Contains(err.Error(), "no connection is made to ") || !strings.HasSuffix(err.Error(), "(setting allow)") {
			t.Errorf("%s: %v", allow, err)
		}
	}
}

// No reason has the URL, whose path may be a credential, or what the receiver
// sent.
func TestFailuresInWords(t *testing.T) {
	_, dir := serve(t, http.NotFoundHandler())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	listener.Close()
	for _, test := range []struct{ name, url, want string }{
		{"nobody there", "https://" + closed + "/TOKEN", "the connection failed: connect: "},
		{"no name", "https://nobody.invalid/TOKEN", "the receiver's name cannot be resolved: "},
		{"no TLS", "https://" + says(t, "SECRET\r\n") + "/TOKEN", "does not answer as an HTTP server does over TLS"},
		{"no answer at all", "https://" + says(t, "") + "/TOKEN", "the connection ended before the answer did"},
		{"no HTTP", "https://" + saysInTLS(t, "SECRET TEXT\r\n\r\n") + "/TOKEN", "does not answer as an HTTP server does over TLS"},
		{"endless head", "https://" + saysInTLS(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("SECRET", 20_000)) + "/TOKEN", "does not answer as an HTTP server does over TLS"},
		{"cut head", "https://" + saysInTLS(t, "HTTP/1.1 200 OK\r\nX: SEC") + "/TOKEN", "the connection ended before the answer did"},
		{"bad status", "https://" + saysInTLS(t, "HTTP/1.1 2x0 SECRET\r\n\r\n") + "/TOKEN", "does not answer as an HTTP server does over TLS"},
		{"a status of its own", "https://" + saysInTLS(t, "HTTP/1.1 500 SECRET\r\nContent-Length: 0\r\n\r\n") + "/TOKEN", "the receiver answered 500 Internal Server Error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := deliverOne(t, to(t, test.url, dir, "timeout: 10s"))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "TOKEN") || strings.Contains(err.Error(), "SEC") {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

// says is the address of a server that says that to whoever comes, whatever is
// sent to it.
func says(t *testing.T, text string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return saysOn(t, listener, text)
}

func saysInTLS(t *testing.T, text string) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS() // for its certificate only
	config := server.TLS.Clone()
	server.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	return saysOn(t, listener, text)
}

func saysOn(t *testing.T, listener net.Listener, text string) string {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 64<<10))
			_, _ = io.WriteString(conn, text)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String()
}
