package verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

// issued is a certificate with its key and those that issued it.
type issued struct {
	*x509.Certificate
	key   *ecdsa.PrivateKey
	chain []*x509.Certificate
}

// issue makes a certificate of the template, by the issuer or by itself.
func issue(t testing.TB, template x509.Certificate, issuer *issued) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Unix(receivedAt, 0).AddDate(0, -1, 0), time.Unix(receivedAt, 0).AddDate(0, 1, 0)
	}
	parent, by := &template, key
	if issuer != nil {
		parent, by = issuer.Certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	out := &issued{Certificate: parsed, key: key, chain: []*x509.Certificate{parsed}}
	if issuer != nil {
		out.chain = append(out.chain, issuer.chain...)
	}
	return out
}

func authority(t testing.TB, issuer *issued) *issued {
	return issue(t, x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, issuer)
}

// sender is the template of a client's certificate.
func sender() x509.Certificate {
	return x509.Certificate{
		DNSNames: []string{"PM.example"}, EmailAddresses: []string{"pm@example.com"}, URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/pm"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

func inPEM(c *issued) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func shown(chain ...*x509.Certificate) *hooks.Request {
	return &hooks.Request{ClientChain: chain, Received: time.Unix(receivedAt, 0)}
}

func TestClientCertificate(t *testing.T) {
	root := authority(t, nil)
	between := authority(t, root)
	good, other := issue(t, sender(), between), issue(t, sender(), authority(t, nil))
	self := issue(t, sender(), nil)
	renewed := *self
	server, expired := sender(), sender()
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	expired.NotBefore, expired.NotAfter = time.Unix(receivedAt, 0).AddDate(-1, 0, 0), time.Unix(receivedAt-1, 0)
	const (
		missing  = "not authenticated: a TLS client certificate is required"
		unpinned = "not authenticated: the TLS client certificate is none of the source's pins"
		noName   = "not authenticated: the TLS client certificate has none of the source's names"
		refused  = "not authenticated: the TLS client certificate is not accepted: it must be in date, for client authentication, and issued by the source's ca_file or among its pins"
		noneNow  = "not authenticated: no key of the source counts at this time: check not_before and not_after of its keys"
	)
	ca := inPEM(root)
	pinned := func(pins ...verify.CertificatePin) verify.ClientCertificate {
		return verify.ClientCertificate{Pins: pins}
	}
	self1 := verify.CertificatePin{Certificate: fingerprint(self.Raw)}
	key1 := verify.CertificatePin{PublicKey: fingerprint(self.RawSubjectPublicKeyInfo)}
	past := verify.CertificatePin{Certificate: self1.Certificate, Window: verify.Window{NotAfter: time.Unix(receivedAt-1, 0)}}
	for _, test := range []struct {
		name     string
		settings verify.ClientCertificate
		chain    []*x509.Certificate
		want     string
	}{
		{"authority", verify.ClientCertificate{Authorities: ca}, good.chain, ""},
		{"DNS name, without case", verify.ClientCertificate{Authorities: ca, DNSNames: []string{"other.example", "pm.EXAMPLE"}}, good.chain, ""},
		{"URI", verify.ClientCertificate{Authorities: ca, URIs: []string{"spiffe://example.com/pm"}}, good.chain, ""},
		{"e-mail", verify.ClientCertificate{Authorities: ca, Emails: []string{"pm@example.com"}}, good.chain, ""},
		{"any of several names", verify.ClientCertificate{Authorities: ca, DNSNames: []string{"x.example"}, Emails: []string{"pm@example.com"}}, good.chain, ""},
		{"authority and pin", verify.ClientCertificate{Authorities: ca, Pins: []verify.CertificatePin{{Certificate: fingerprint(good.Raw)}}}, good.chain, ""},
		{"pinned certificate", pinned(self1), self.chain, ""},
		{"pinned key", pinned(self1, key1), renewed.chain, ""},
		{"pinned certificate of an unknown authority", pinned(verify.CertificatePin{Certificate: fingerprint(other.Raw)}), other.chain[:1], ""},

		{"none", verify.ClientCertificate{Authorities: ca}, nil, missing},
		{"other authority", verify.ClientCertificate{Authorities: ca}, other.chain, refused},
		{"itself", verify.ClientCertificate{Authorities: ca}, self.chain, refused},
		{"without what is between", verify.ClientCertificate{Authorities: ca}, good.chain[:1], refused},
		{"for servers", verify.ClientCertificate{Authorities: ca}, issue(t, server, root).chain, refused},
		{"expired", verify.ClientCertificate{Authorities: ca}, issue(t, expired, root).chain, refused},
		{"other DNS name", verify.ClientCertificate{Authorities: ca, DNSNames: []string{"x.pm.example"}}, good.chain, noName},
		{"name among the wrong ones", verify.ClientCertificate{Authorities: ca, DNSNames: []string{"pm@example.com"}, Emails: []string{"pm.example"}}, good.chain, noName},
		{"URI with more", verify.ClientCertificate{Authorities: ca, URIs: []string{"spiffe://example.com/pm/x"}}, good.chain, noName},
		{"authority and other pin", verify.ClientCertificate{Authorities: ca, Pins: []verify.CertificatePin{self1}}, good.chain, unpinned},
		{"pin and other authority", verify.ClientCertificate{Authorities: ca, Pins: []verify.CertificatePin{self1}}, self.chain, refused},
		{"pin of the authority", pinned(verify.CertificatePin{Certificate: fingerprint(root.Raw)}), good.chain, unpinned},
		{"key pinned as a certificate", pinned(verify.CertificatePin{Certificate: key1.PublicKey}), self.chain, unpinned},
		{"pin out of its time", pinned(past), self.chain, noneNow},
		{"pin out of its time beside another", pinned(past, verify.CertificatePin{Certificate: fingerprint(good.Raw)}), self.chain, unpinned},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := must(t)(verify.NewClientCertificate(test.settings))
			got, err := v.Verify(shown(test.chain...))
			if errorText(err) != test.want || err != nil && !errors.Is(err, hooks.ErrUnauthenticated) || got != (hooks.Verified{}) {
				t.Errorf("%+v, %v; want %q", got, err, test.want)
			}
			if asker, ok := v.(hooks.ClientCertificateAsker); !ok || !asker.AsksClientCertificate() {
				t.Error("clients are not asked for a certificate")
			}
		})
	}
	for name, template := range map[string]x509.Certificate{"for servers": server, "expired": expired} {
		pinnedOne := issue(t, template, nil)
		v := must(t)(verify.NewClientCertificate(pinned(verify.CertificatePin{Certificate: fingerprint(pinnedOne.Raw)})))
		if _, err := v.Verify(shown(pinnedOne.chain...)); errorText(err) != refused {
			t.Errorf("pinned and %s: %v", name, err)
		}
	}
}

// TestClientCertificateEveryBitFlip flips each bit of a certificate. What can
// still be read is refused: by its issuer's signature, and by its pins.
func TestClientCertificateEveryBitFlip(t *testing.T) {
	root := authority(t, nil)
	good := issue(t, sender(), root)
	byCA := must(t)(verify.NewClientCertificate(verify.ClientCertificate{Authorities: inPEM(root)}))
	byPin := must(t)(verify.NewClientCertificate(verify.ClientCertificate{Pins: []verify.CertificatePin{{Certificate: fingerprint(good.Raw)}}}))
	unreadable, refused := 0, 0
	for bit := range len(good.Raw) * 8 {
		flipped := append([]byte(nil), good.Raw...)
		flipped[bit/8] ^= 1 << (bit % 8)
		parsed, err := x509.ParseCertificate(flipped)
		if err != nil {
			unreadable++
			continue
		}
		refused++
		for name, v := range map[string]hooks.Verifier{"authority": byCA, "pin": byPin} {
			if _, err := v.Verify(shown(parsed)); !errors.Is(err, hooks.ErrUnauthenticated) {
				t.Errorf("%s: bit %d flipped: %v", name, bit, err)
			}
		}
	}
	t.Logf("%d flips refused, %d are no certificate", refused, unreadable)
}

func TestNewClientCertificateRefuses(t *testing.T) {
	ca := inPEM(authority(t, nil))
	sum := fingerprint(nil)
	for _, test := range []struct {
		name     string
		settings verify.ClientCertificate
		want     string
	}{
		{"nothing", verify.ClientCertificate{}, "set ca_file, pins or both"},
		{"names of nobody", verify.ClientCertificate{DNSNames: []string{"pm.example"}, Pins: []verify.CertificatePin{{Certificate: sum}}}, "dns_names, uris and emails go with ca_file: a name that no authority stands for proves nothing"},
		{"no authority", verify.ClientCertificate{Authorities: []byte("text")}, "ca_file has no PEM certificate"},
		{"empty pin", verify.ClientCertificate{Authorities: ca, Pins: []verify.CertificatePin{{}}}, "pin 1: set exactly one of certificate and public_key"},
		{"pin of both", verify.ClientCertificate{Pins: []verify.CertificatePin{{Certificate: sum, PublicKey: sum}}}, "pin 1: set exactly one of certificate and public_key"},
		{"pin without its kind", verify.ClientCertificate{Pins: []verify.CertificatePin{{Certificate: sum}, {PublicKey: sum[7:]}}}, "pin 2: fingerprint is not sha256: and 64 hexadecimal digits"},
		{"window", verify.ClientCertificate{Pins: []verify.CertificatePin{{Certificate: sum, Window: verify.Window{NotBefore: time.Unix(1, 0), NotAfter: time.Unix(0, 0)}}}}, "pin 1: not_after is before not_before"},
		{"many", verify.ClientCertificate{Pins: make([]verify.CertificatePin, 9)}, "more than 8 pins are configured; remove the oldest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if v, err := verify.NewClientCertificate(test.settings); errorText(err) != test.want || v != nil {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

func TestConfiguredClientCertificate(t *testing.T) {
	root := authority(t, nil)
	good := issue(t, sender(), root)
	config := strings.Join([]string{"ca_file: ca.pem", "dns_names: [pm.example]", "pins:", "- {certificate: '" + fingerprint(good.Raw) + "', not_after: 2026-01-02}", "- {public_key: '" + fingerprint(root.RawSubjectPublicKeyInfo) + "'}"}, "\n")
	v, err := verify.Table["client-certificate"](settings(config, map[string]string{"ca.pem": string(inPEM(root))}))
	if err != nil {
		t.Fatal(err)
	}
	r := shown(good.chain...)
	if _, err := v.Verify(r); err != nil {
		t.Error(err)
	}
	r.Received = r.Received.AddDate(0, 0, 2)
	if _, err := v.Verify(r); err == nil {
		t.Error("the pin counts after its end")
	}
}
