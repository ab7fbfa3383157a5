package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/mailbox/client"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// authority issues the certificates of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.certificate = &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.certificate, a.key = a.issue(t, a.certificate)
	return a
}

// issue completes and signs a certificate; the first one is the authority's own.
func (a *authority) issue(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.serial++
	template.SerialNumber = big.NewInt(a.serial)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	signer := a.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

// client is a client's certificate for that name.
func (a *authority) client(t *testing.T, name string) tls.Certificate {
	t.Helper()
	certificate, key := a.issue(t, &x509.Certificate{DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}
}

func pemOf(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}

// withMail has two agents that fetch: web, known by its signature, and batch, by
// its certificate.
const withMail = `signing_key_file: service.key
issuer: relay
server: {listen: "127.0.0.1:0", shutdown_timeout: 10s, cert_file: server.crt, key_file: server.key}
admin: {listen: "off"}
sources:
  vault:
    verify: {bearer: {token_files: [token]}}
    adapter: {push: {}}
    may_write: ["prod/**"]
agents:
  web:
    keys: {main: {file: web.pub}}
    signing_key_files: [web.signing.pub]
    destinations: {mail: {mailbox: {}}, folder: {file: {dir: web}}}
  batch:
    keys: {main: {file: batch.pub}}
    signing_key_files: [batch.signing.pub]
    client_certificate: {ca_file: ca.crt, dns_names: [batch.example]}
    destinations: {mail: {mailbox: {}}}
routes:
  - {secrets: ["prod/**"], agents: [web]}
  - {secrets: ["prod/shared/**"], agents: [batch]}
`

// mailed is a service over TLS with agents that fetch.
type mailed struct {
	*App
	dir     string
	ca      *authority
	signing map[string]ed25519.PrivateKey
}

// newMailed starts it, with the changes to what New made.
func newMailed(t *testing.T, changes ...func(*App)) *mailed {
	t.Helper()
	m := &mailed{dir: folder(t), ca: newAuthority(t), signing: map[string]ed25519.PrivateKey{}}
	write(t, m.dir, "ca.crt", pemOf(m.ca.certificate))
	certificate, key := m.ca.issue(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, m.dir, "server.crt", pemOf(certificate))
	write(t, m.dir, "server.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	for _, agent := range []string{"web", "batch"} {
		private, public, err := keys.Generate("ed25519")
		if err != nil {
			t.Fatal(err)
		}
		write(t, m.dir, agent+".signing.pub", []byte(public))
		if m.signing[agent], err = keys.ParseSigning(private); err != nil {
			t.Fatal(err)
		}
	}
	if m.App, err = New(t.Context(), parse(t, withMail, m.dir), Options{Log: zerolog.Nop()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, change := range changes {
		change(m.App)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return m
}

// http trusts the authority and shows a certificate, if there is one.
func (m *mailed) http(t *testing.T, certificates ...tls.Certificate) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(m.ca.certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (m *mailed) client(t *testing.T, agent string, key ed25519.PrivateKey, certificates ...tls.Certificate) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: "https://" + m.Address(), Agent: agent, SigningKey: key, HTTP: m.http(t, certificates...)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// push sends a hook.
func (m *mailed) push(t *testing.T, secret, value string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+m.Address()+"/v1/hooks/vault", strings.NewReader(hookBody(secret, value)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := m.http(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		t.Fatalf("the hook was answered %d", response.StatusCode)
	}
}

// apply does what an agent does with a delivery: it verifies it and returns what
// its statement says, with its receipt.
func (m *mailed) apply(t *testing.T, agent string, delivery wire.Delivery) (statement.Claims, string) {
	t.Helper()
	data, err := m.cfg.ReadFile("service.pub")
	if err != nil {
		t.Fatal(err)
	}
	service, err := keys.ParseVerifying(data)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := statement.Verify(delivery.Statement, service)
	if err == nil {
		err = errors.Join(claims.Check(statement.Claims{Issuer: "relay", Agent: agent}), claims.Covers(delivery.Envelope))
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := receipt.NewSigner(m.signing[agent])
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(receipt.For(claims, time.Now(), receipt.Done, ""))
	if err != nil {
		t.Fatal(err)
	}
	return claims, signed
}

// TestMailbox is the whole way, over TLS: an agent waits, a hook comes, and the
// agent fetches and acknowledges. Both agents do so at the same time.
func TestMailbox(t *testing.T) {
	m := newMailed(t)
	clients := map[string]*client.Client{
		"web":   m.client(t, "web", m.signing["web"]),
		"batch": m.client(t, "batch", nil, m.ca.client(t, "batch.example")),
	}
	type listed struct {
		agent   string
		entries []wire.MailboxEntry
		err     error
	}
	lists := make(chan listed, len(clients))
	for name, c := range clients {
		if entries, err := c.List(t.Context(), 0); err != nil || len(entries) != 0 {
			t.Fatalf("%s lists %v, %v", name, entries, err)
		}
		go func() {
			entries, err := c.List(t.Context(), time.Minute)
			lists <- listed{name, entries, err}
		}()
	}
	m.push(t, "prod/shared/db", "value")
	for range clients {
		got := <-lists
		if got.err != nil || len(got.entries) != 1 || got.entries[0].Secret != "prod/shared/db" || got.entries[0].Version != 1 {
			t.Fatalf("%s lists %v, %v", got.agent, got.entries, got.err)
		}
		c, id := clients[got.agent], got.entries[0].ID
		delivery, err := c.Fetch(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		claims, signed := m.apply(t, got.agent, delivery)
		if claims.Version != 1 || claims.Secret != "prod/shared/db" {
			t.Errorf("the statement says %+v", claims)
		}
		for range 2 {
			if err := c.Acknowledge(t.Context(), id, signed); err != nil {
				t.Error(err)
			}
		}
		d, err := m.store.Get(t.Context(), outbox.Key{Agent: got.agent, Destination: "mail", Secret: "prod/shared/db"})
		if err != nil || d.State != outbox.Delivered || d.Receipt != signed {
			t.Errorf("the row is %+v, %v", d, err)
		}
		if entries, err := c.List(t.Context(), 0); err != nil || len(entries) != 0 {
			t.Errorf("%s lists %v, %v", got.agent, entries, err)
		}
	}
	acknowledged := 0
	err := m.store.Audit(t.Context(), 1, func(row audit.Row) error {
		var entry audit.Entry
		err := json.Unmarshal(row.Entry, &entry)
		if strings.HasPrefix(entry.Actor, "agent/") {
			acknowledged++
		}
		return err
	})
	if err != nil || acknowledged != 2 {
		t.Errorf("%d audit rows of agents, %v", acknowledged, err)
	}
}

// TestReport: the receipt of what was put into a folder comes later.
func TestReport(t *testing.T) {
	m := newMailed(t)
	m.push(t, "prod/db", "value")
	key := outbox.Key{Agent: "web", Destination: "folder", Secret: "prod/db"}
	var d outbox.Delivery
	until(t, "it is in the folder", func() bool {
		var err error
		d, err = m.store.Get(t.Context(), key)
		return err == nil && d.State == outbox.Delivered
	})
	_, signed := m.apply(t, "web", wire.Delivery{Envelope: d.Envelope, Statement: d.Statement})
	c := m.client(t, "web", m.signing["web"])
	for range 2 {
		if err := c.Report(t.Context(), signed); err != nil {
			t.Error(err)
		}
	}
	if d, err := m.store.Get(t.Context(), key); err != nil || d.Receipt != signed {
		t.Errorf("the row is %+v, %v", d, err)
	}
}

// TestMailboxRefusesOthers: no key and no certificate serves for another agent.
func TestMailboxRefusesOthers(t *testing.T) {
	m := newMailed(t)
	stranger := newAuthority(t)
	batch := m.ca.client(t, "batch.example")
	for name, c := range map[string]*client.Client{
		"web with batch's key":             m.client(t, "web", m.signing["batch"]),
		"web with batch's certificate":     m.client(t, "web", nil, batch),
		"batch with web's key":             m.client(t, "batch", m.signing["web"]),
		"batch with its key alone":         m.client(t, "batch", m.signing["batch"]),
		"batch with another certificate":   m.client(t, "batch", nil, m.ca.client(t, "web.example")),
		"batch with another's certificate": m.client(t, "batch", nil, stranger.client(t, "batch.example")),
		"batch without a certificate":      m.client(t, "batch", nil),
		"nobody":                           m.client(t, "nobody", m.signing["web"]),
	} {
		_, err := c.List(t.Context(), 0)
		if refused, ok := errors.AsType[*wire.ProblemError](err); !ok || refused.StatusCode != http.StatusUnauthorized || refused.Kind() != "not-the-agent" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// watched is an outbox that tells when a mailbox is looked into.
type watched struct {
	mailbox.Outbox
	looked chan struct{}
}

func (w watched) List(ctx context.Context, filter outbox.Filter) ([]outbox.Delivery, error) {
	found, err := w.Outbox.List(ctx, filter)
	select {
	case w.looked <- struct{}{}:
	default:
	}
	return found, err
}

// waits starts a service where web waits for its mail, of which there is none.
func waits(t *testing.T) (m *mailed, ended <-chan error) {
	t.Helper()
	looked, end := make(chan struct{}, 1), make(chan error, 1)
	m = newMailed(t, func(a *App) {
		var err error
		a.mailbox, err = mailbox.New(mailbox.Options{Outbox: watched{a.store, looked}, Agents: a.caller, Issuer: "relay", Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
	})
	c := m.client(t, "web", m.signing["web"])
	go func() {
		entries, err := c.List(t.Context(), time.Minute)
		if err == nil && len(entries) > 0 {
			err = fmt.Errorf("there came %v", entries)
		}
		end <- err
	}()
	<-looked
	return m, end
}

// TestMailboxReloads: nobody goes on waiting under an old configuration.
func TestMailboxReloads(t *testing.T) {
	m, ended := waits(t)
	if err := m.Reload(m.cfg); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the wait, of a minute, did not end")
	}
}

// TestMailboxStops: an agent that waits does not hold up a stop, which would cut it
// off after 10 seconds and say so.
func TestMailboxStops(t *testing.T) {
	m, ended := waits(t)
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestBuildRefusesCallers(t *testing.T) {
	m := newMailed(t)
	for name, tc := range map[string]struct{ old, new, want string }{
		"no signing key":      {"    signing_key_files: [web.signing.pub]\n", "", "agent web: destination mail: the agent has no signing_key_files"},
		"certificate alone":   {"    signing_key_files: [batch.signing.pub]\n", "", "agent batch: client_certificate is for the mailbox, which needs signing_key_files"},
		"any of an authority": {", dns_names: [batch.example]", "", "agent batch: client_certificate: ca_file alone takes each certificate"},
		"unknown setting":     {"dns_names", "names", "agent batch: client_certificate: "},
		"setting of mailbox":  {"mailbox: {}", "mailbox: {wait: 1s}", "agent web: destination mail: "},
		"unreadable key":      {"web.signing.pub", "none.pub", "agent web: signing_key_files: "},
		"another kind of key": {"web.signing.pub", "web.pub", "agent web: signing_key_files: "},
		"the same key twice":  {"[web.signing.pub]", "[web.signing.pub, web.signing.pub]", "agent web: signing_key_files: "},
	} {
		cfg, err := config.Parse([]byte(strings.Replace(withMail, tc.old, tc.new, 1)), m.dir)
		if err == nil {
			_, err = Build(cfg)
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	cfg := parse(t, strings.Replace(withMail, ", cert_file: server.crt, key_file: server.key", "", 1), m.dir)
	cfg.DataDir = filepath.Join(m.dir, "other")
	if _, err := New(t.Context(), cfg, Options{InsecureLoopback: true, Log: zerolog.Nop()}); err == nil || !strings.Contains(err.Error(), "client_certificate") {
		t.Errorf("over plain HTTP: %v", err)
	}
}
