package intake_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestRate(t *testing.T) {
	w := newWorld(t, newMemory(), func(s *intake.Source) { s.Limiter = rate.NewLimiter(0.5, 2) })
	for range 5 { // what is not the source's does not use up its rate
		if _, err := w.send(t.Context(), hook{id: "x", body: value("a"), forged: true}); !errors.Is(err, hooks.ErrUnauthenticated) {
			t.Fatal(err)
		}
	}
	w.must(t, hook{id: "1", body: value("a")}, wire.Accepted, 1)
	w.must(t, hook{id: "2", body: value("b")}, wire.Accepted, 2)
	var tooFast *intake.RateError
	for range 3 { // refused requests do not push the time back
		if _, err := w.send(t.Context(), hook{id: "3", body: value("c")}); !errors.As(err, &tooFast) || tooFast.RetryAfter != 2*time.Second {
			t.Fatalf("got %v", err)
		}
	}
	w.must(t, hook{id: "3", body: value("c"), received: began.Add(2 * time.Second)}, wire.Accepted, 3)
}

func TestAllowFrom(t *testing.T) {
	source := &intake.Source{AllowFrom: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("fe80::/10")}}
	for remote, allowed := range map[string]bool{
		"192.0.2.1": true, "::ffff:192.0.2.1": true, "192.0.3.1": false, "::1": false, "fe80::1": true, "fe80::1%eth0": true,
	} {
		err := source.Admit(netip.MustParseAddr(remote), nil, began)
		if (err == nil) != allowed || err != nil && !errors.Is(err, intake.ErrForbidden) {
			t.Errorf("%s: %v", remote, err)
		}
	}
	if err := (&intake.Source{}).Admit(netip.MustParseAddr("203.0.113.9"), nil, began); err != nil {
		t.Errorf("no allow_from: %v", err)
	}
}

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func (a *authority) issue(t *testing.T, template x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = began.Add(time.Hour)
	}
	template.NotBefore, template.SerialNumber = began.Add(-time.Hour), big.NewInt(1)
	template.BasicConstraintsValid = true
	if template.IsCA {
		template.KeyUsage = x509.KeyUsageCertSign
	}
	parent, signer := &template, key
	if a != nil {
		parent, signer = a.certificate, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{made, key}
}

func TestClientCertificate(t *testing.T) {
	root := (*authority)(nil).issue(t, x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true})
	middle := root.issue(t, x509.Certificate{Subject: pkix.Name{CommonName: "middle"}, IsCA: true})
	other := (*authority)(nil).issue(t, x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true})
	client := x509.Certificate{DNSNames: []string{"pm.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	server := client
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	expired := client
	expired.NotAfter = began.Add(-time.Minute)
	stranger := client
	stranger.DNSNames = []string{"other.example"}
	leaf := func(a *authority, template x509.Certificate) *x509.Certificate {
		return a.issue(t, template).certificate
	}

	pool := x509.NewCertPool()
	pool.AddCert(root.certificate)
	source := &intake.Source{ClientRoots: pool, ClientNames: []string{"pm.example", "pm2.example"}}
	for _, tc := range []struct {
		name  string
		chain []*x509.Certificate
		good  bool
	}{
		{"good", []*x509.Certificate{leaf(root, client)}, true},
		{"good through an intermediate", []*x509.Certificate{leaf(middle, client), middle.certificate}, true},
		{"intermediate missing", []*x509.Certificate{leaf(middle, client)}, false},
		{"none", nil, false},
		{"of another authority of the same name", []*x509.Certificate{leaf(other, client), other.certificate}, false},
		{"expired", []*x509.Certificate{leaf(root, expired)}, false},
		{"a server's", []*x509.Certificate{leaf(root, server)}, false},
		{"without the name", []*x509.Certificate{leaf(root, stranger)}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := source.Admit(netip.MustParseAddr("192.0.2.1"), tc.chain, began)
			if (err == nil) != tc.good || err != nil && !errors.Is(err, hooks.ErrUnauthenticated) {
				t.Errorf("got %v", err)
			}
		})
	}
	source.ClientNames = nil
	if err := source.Admit(netip.MustParseAddr("192.0.2.1"), []*x509.Certificate{leaf(root, stranger)}, began); err != nil {
		t.Errorf("any name: %v", err)
	}
}
