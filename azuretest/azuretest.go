// Package azuretest is Azure in one test server: Entra's sign-in, managed
// identities, the part of Resource Manager that has vaults, and Key Vaults with
// secrets and certificates. It is strict where Azure is: names, sizes, tags, roles,
// throttling, soft delete with the seconds in which a name cannot be used, vaults
// that take no writes, and tokens for the wrong tenant, audience or time.
//
// It is for the real Azure SDK: a client with [Server.Client] as its transport, or a
// program with HTTPS_PROXY and HTTP_PROXY set to [Server.Proxy] and SSL_CERT_FILE to
// a file with [Server.CA], keeps the host names of Azure and talks to the server.
// Nothing of it leaves the loopback interface.
//
// The limits and messages are those that Azure's documentation and its users' reports
// give. Keys, storage accounts, certificate issuers other than Self and Unknown,
// contacts, backups and the values of certificates' secrets are not there, and answer
// with 501.
package azuretest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Config says how a server is. The zero value is Azure's public cloud.
type Config struct {
	// Cloud is whose host names are answered. Default: Public
	Cloud Cloud
	// Now is the server's clock. Default: time.Now
	Now func() time.Time
	// Settle is how long a deletion, a recovery and a purge take, in which the name
	// cannot be used. Default: 2s
	Settle time.Duration
	// Writes is how many secrets may be written and certificates imported within
	// Window at a vault. Default: 300
	Writes int
	// Window is what Writes, and 4,000 other requests, are counted over. Default: 10s
	Window time.Duration
	// PageSize is how many entries a list gives at once. Default: 25
	PageSize int
}

// Server is the test server. Its methods are safe for concurrent use.
type Server struct {
	config Config
	http   *http.Server
	proxy  *http.Server
	addr   string
	proxed string
	roots  *x509.CertPool
	ca     []byte
	// signing signs the tokens.
	signing *rsa.PrivateKey

	mu            sync.Mutex
	apps          map[string]*App
	subscriptions map[string]*Subscription
	vaults        map[string]*vault
	asked         map[string]int
}

// New starts a server that ends with the test.
func New(t testing.TB, config Config) *Server {
	t.Helper()
	s, err := Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server on a free port of the loopback interface. The caller closes it.
func Start(config Config) (*Server, error) {
	s := &Server{
		config: config.withDefaults(),
		roots:  x509.NewCertPool(),
		apps:   map[string]*App{}, subscriptions: map[string]*Subscription{}, vaults: map[string]*vault{},
		asked: map[string]int{},
	}
	var err error
	if s.signing, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	certificate, err := s.certificate()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	s.addr, s.proxed = listener.Addr().String(), "http://"+proxy.Addr().String()
	// What a client does that the server cannot make sense of is the client's to tell.
	quiet := log.New(io.Discard, "", 0)
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ErrorLog: quiet}
	s.proxy = &http.Server{Handler: http.HandlerFunc(s.serveProxy), ReadHeaderTimeout: time.Minute, ErrorLog: quiet}
	go s.http.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})) //nolint:errcheck // It ends with Close.
	go s.proxy.Serve(proxy)                                                                                                             //nolint:errcheck // It ends with Close.
	return s, nil
}

func (c Config) withDefaults() Config {
	if c.Cloud.Login == "" {
		c.Cloud = Public
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Settle == 0 {
		c.Settle = 2 * time.Second
	}
	if c.Writes == 0 {
		c.Writes = 300
	}
	if c.Window == 0 {
		c.Window = 10 * time.Second
	}
	if c.PageSize == 0 {
		c.PageSize = 25
	}
	return c
}

// Close ends the server and its connections.
func (s *Server) Close() {
	s.http.Close()  //nolint:errcheck // Nothing can be done about it.
	s.proxy.Close() //nolint:errcheck // Nothing can be done about it.
}

// CA is the certificate of the authority that the server's was issued by, as PEM.
func (s *Server) CA() []byte { return s.ca }

// Proxy is the URL of an HTTP proxy that leads to the server whatever host is asked for.
func (s *Server) Proxy() string { return s.proxed }

// Client is an HTTP client that reaches the server under every host name. Close its
// idle connections when it is not needed any longer.
func (s *Server) Client() *http.Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.addr)
	}
	plain := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.proxed[len("http://"):])
	}
	secure := &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 64}
	return &http.Client{Transport: bySchemes{"https": secure, "http": &http.Transport{DialContext: plain}}}
}

// bySchemes has a transport for each scheme of a URL.
type bySchemes map[string]*http.Transport

func (b bySchemes) RoundTrip(r *http.Request) (*http.Response, error) {
	return b[r.URL.Scheme].RoundTrip(r)
}

// CloseIdleConnections is called by http.Client's method of that name.
func (b bySchemes) CloseIdleConnections() {
	for _, transport := range b {
		transport.CloseIdleConnections()
	}
}

// Asked is how often the operation was asked for, whatever came of it: the method
// and the path with {name} and {version} in it, such as "PUT /secrets/{name}".
func (s *Server) Asked(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[operation]
}

func (s *Server) count(operation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[operation]++
}

// certificate makes the authority and a certificate for all hosts of the cloud.
func (s *Server) certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "azuretest"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "azuretest server"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		DNSNames: s.config.Cloud.hosts(), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, authority, leafKey.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	s.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityDER})
	s.roots.AppendCertsFromPEM(s.ca)
	return tls.Certificate{Certificate: [][]byte{leafDER, authorityDER}, PrivateKey: leafKey}, nil
}
