package agentkeys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
	sealcrypto "github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

const day = 24 * time.Hour

// link is a certificate with its key.
type link struct {
	*x509.Certificate
	key crypto.Signer
}

// issue makes a certificate signed by parent; by itself if that is nil. The
// times are days from now.
func issue(t *testing.T, parent *link, name string, key crypto.Signer, usage x509.KeyUsage, from, to int) *link {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, KeyUsage: usage,
		NotBefore: time.Now().Add(time.Duration(from) * day), NotAfter: time.Now().Add(time.Duration(to) * day),
		BasicConstraintsValid: true, IsCA: usage&x509.KeyUsageCertSign != 0,
	}
	signer, by := key, template
	if parent != nil {
		signer, by = parent.key, parent.Certificate
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &link{certificate, key}
}

func ca(t *testing.T, parent *link, from, to int) *link {
	return issue(t, parent, "authority", ec(t, elliptic.P256()), x509.KeyUsageCertSign, from, to)
}

func ec(t *testing.T, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T, bits int) crypto.Signer {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func bundle(links ...*link) []byte {
	var out []byte
	for _, link := range links {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: link.Raw})...)
	}
	return out
}

func spki(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func pool(links ...*link) *x509.CertPool {
	out := x509.NewCertPool()
	for _, link := range links {
		out.AddCert(link.Certificate)
	}
	return out
}

func generate(t *testing.T, kind string) []byte {
	t.Helper()
	_, public, err := keys.Generate(kind)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(public)
}

func fingerprint(t *testing.T, data []byte) string {
	t.Helper()
	key, err := agentkeys.NewKey(data, agentkeys.Requirements{})
	if err != nil {
		t.Fatal(err)
	}
	return key.Fingerprint()
}

// check is what the policy says of a key, empty if it passes.
func check(t *testing.T, data []byte, require agentkeys.Requirements, now time.Time) string {
	t.Helper()
	key, err := agentkeys.NewKey(data, require)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Check(now); err != nil {
		if !errors.Is(err, agentkeys.ErrPolicy) {
			t.Errorf("not of class ErrPolicy: %v", err)
		}
		return err.Error()
	}
	if key.Recipient == nil {
		t.Error("passes without a recipient")
	}
	return ""
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if (got == "") != (want == "") || !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDates(t *testing.T) {
	good := bundle(issue(t, nil, "a", ec(t, elliptic.P256()), x509.KeyUsageKeyAgreement, -10, 10))
	for _, tc := range []struct {
		name string
		days int
		want string
	}{
		{"valid", 0, ""},
		{"just begun", -9, ""},
		{"not yet valid", -11, "not valid before"},
		{"expired", 11, "expired at"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			expect(t, check(t, good, agentkeys.Requirements{}, time.Now().Add(time.Duration(tc.days)*day)), tc.want)
		})
	}
	bare := spki(t, ec(t, elliptic.P256()))
	expect(t, check(t, bare, agentkeys.Requirements{}, time.Now().AddDate(100, 0, 0)), "")
}

func TestStrength(t *testing.T) {
	for _, tc := range []struct {
		name, refused, warned string
		data                  []byte
	}{
		{name: "RSA-1024", data: spki(t, rsaKey(t, 1024)), refused: "1024 bits"},
		{name: "RSA-2048", data: spki(t, rsaKey(t, 2048)), warned: "RSA-2048 has less than 128 bits"},
		{name: "RSA-3072", data: spki(t, rsaKey(t, 3072)), warned: "legacy"},
		{name: "P-256", data: spki(t, ec(t, elliptic.P256()))},
		{name: "P-521", data: spki(t, ec(t, elliptic.P521()))},
		{name: "age", data: generate(t, "age")},
		{name: "age hybrid", data: generate(t, "age-pq")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			expect(t, check(t, tc.data, agentkeys.Requirements{}, time.Now()), tc.refused)
			key, err := agentkeys.NewKey(tc.data, agentkeys.Requirements{})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, strings.Join(key.Warnings(), "; "), tc.warned)
			if key.Format.Name == "" || key.ID == "" {
				t.Errorf("format %q, ID %q", key.Format.Name, key.ID)
			}
		})
	}
}

func TestUnusable(t *testing.T) {
	_, signing, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		data   []byte
		format string
		want   error
	}{
		{"P-224", spki(t, ec(t, elliptic.P224())), "", keys.ErrUnsupported},
		{"Ed25519 certificate", bundle(issue(t, nil, "a", signing, 0, -1, 1)), "", sealcrypto.ErrUnsupportedKey},
		{"EC key as age", spki(t, ec(t, elliptic.P256())), "age", sealcrypto.ErrUnsupportedKey},
		{"age key as js7", generate(t, "age"), "js7", sealcrypto.ErrUnsupportedKey},
		{"nothing", nil, "", keys.ErrMalformed},
		{"text", []byte("correct horse"), "", keys.ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			key, err := agentkeys.NewKey(tc.data, agentkeys.Requirements{Format: tc.format})
			if key != nil || !errors.Is(err, tc.want) {
				t.Errorf("%v, %v", key, err)
			}
		})
	}
	if _, err := agentkeys.NewKey(generate(t, "age"), agentkeys.Requirements{Format: "rot13"}); err == nil || !strings.Contains(err.Error(), "there are age, openpgp, jwe, cms, js7") {
		t.Errorf("unknown format: %v", err)
	}
}

func TestKeyUsage(t *testing.T) {
	rsa2048, p256 := rsaKey(t, 2048), ec(t, elliptic.P256())
	for _, tc := range []struct {
		name  string
		key   crypto.Signer
		usage x509.KeyUsage
		want  string
	}{
		{"RSA, none stated", rsa2048, 0, ""},
		{"RSA, keyEncipherment", rsa2048, x509.KeyUsageKeyEncipherment, ""},
		{"RSA, dataEncipherment", rsa2048, x509.KeyUsageDataEncipherment | x509.KeyUsageDigitalSignature, ""},
		{"RSA, signature only", rsa2048, x509.KeyUsageDigitalSignature, "issue one with keyEncipherment or dataEncipherment"},
		{"RSA, keyAgreement", rsa2048, x509.KeyUsageKeyAgreement, "issue one with keyEncipherment"},
		{"EC, none stated", p256, 0, ""},
		{"EC, keyAgreement", p256, x509.KeyUsageKeyAgreement, ""},
		{"EC, keyEncipherment", p256, x509.KeyUsageKeyEncipherment, "issue one with keyAgreement"},
		{"EC, authority", p256, x509.KeyUsageCertSign, "issue one with keyAgreement"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := bundle(issue(t, nil, "a", tc.key, tc.usage, -1, 1))
			expect(t, check(t, data, agentkeys.Requirements{}, time.Now()), tc.want)
		})
	}
}

func TestPin(t *testing.T) {
	certificate := bundle(issue(t, nil, "a", ec(t, elliptic.P256()), 0, -1, 1))
	bare := generate(t, "age")
	for name, data := range map[string][]byte{"certificate": certificate, "age": bare} {
		pin := fingerprint(t, data)
		for _, tc := range []struct{ pin, want string }{
			{pin, ""},
			{strings.ToUpper(pin), ""},
			{"", ""},
			{pin[:len(pin)-1], "is not the pinned one"},
			{"sha256:" + strings.Repeat("0", 64), "fingerprint is " + pin},
			{fingerprint(t, generate(t, "age")), "is not the pinned one"},
		} {
			t.Run(name+" "+tc.pin, func(t *testing.T) {
				expect(t, check(t, data, agentkeys.Requirements{Pin: tc.pin}, time.Now()), tc.want)
			})
		}
	}
	parsed, err := keys.ParsePublic(certificate)
	if err != nil || fingerprint(t, certificate) != parsed.Fingerprint() || parsed.Fingerprint() == parsed.ID() {
		t.Errorf("a certificate is pinned by its own fingerprint, not by its key's: %v", err)
	}
}

func TestChain(t *testing.T) {
	root, other := ca(t, nil, -100, 100), ca(t, nil, -100, 100)
	middle, oldMiddle := ca(t, root, -90, 90), ca(t, root, -90, -1)
	young := ca(t, nil, -2, 100)
	leaf := func(parent *link) *link {
		return issue(t, parent, "agent", ec(t, elliptic.P256()), x509.KeyUsageKeyAgreement, -10, 200)
	}
	direct, deep, old, youngLeaf := leaf(root), leaf(middle), leaf(oldMiddle), leaf(young)
	future := issue(t, root, "agent", ec(t, elliptic.P256()), x509.KeyUsageKeyAgreement, 10, 20)
	for _, tc := range []struct {
		name  string
		data  []byte
		roots *x509.CertPool
		days  int
		want  string
	}{
		{"of the authority", bundle(direct), pool(root), 0, ""},
		{"one of two authorities", bundle(direct), pool(other, root), 0, ""},
		{"of another authority of the same name", bundle(direct), pool(other), 0, "does not chain to ca_file"},
		{"self-signed", bundle(leaf(nil)), pool(root), 0, "does not chain to ca_file"},
		{"through an intermediate", bundle(deep, middle), pool(root), 0, ""},
		{"intermediate missing", bundle(deep), pool(root), 0, "does not chain to ca_file"},
		{"intermediate expired", bundle(old, oldMiddle), pool(root), 0, "does not chain to ca_file"},
		{"intermediate expires before the leaf", bundle(deep, middle), pool(root), 95, "expired at"},
		{"authority expires before the leaf", bundle(direct), pool(root), 101, "expired at"},
		{"authority younger than the leaf", bundle(youngLeaf), pool(young), 0, ""},
		{"before the young authority", bundle(youngLeaf), pool(young), -5, "not valid before"},
		{"leaf of the future", bundle(future), pool(root), 0, "not valid before"},
		{"leaf of the future, then", bundle(future), pool(root), 15, ""},
		{"age key", generate(t, "age"), pool(root), 0, "age X25519 key has no certificate"},
		{"bare EC key", spki(t, ec(t, elliptic.P256())), pool(root), 0, "EC P-256 key has no certificate"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := check(t, tc.data, agentkeys.Requirements{Roots: tc.roots}, time.Now().Add(time.Duration(tc.days)*day))
			expect(t, got, tc.want)
		})
	}
}

// TestEverythingWrongIsTold: usage, pin and chain are told together.
func TestEverythingWrongIsTold(t *testing.T) {
	data := bundle(issue(t, nil, "a", ec(t, elliptic.P256()), x509.KeyUsageDigitalSignature, -1, 1))
	got := check(t, data, agentkeys.Requirements{Pin: "sha256:00", Roots: pool(ca(t, nil, -1, 1))}, time.Now())
	for _, want := range []string{"key usage", "pinned", "chain"} {
		expect(t, got, want)
	}
}

// TestNoLegacy: a key that would be sealed to in a legacy format is refused, and
// the same key in another format is not.
func TestNoLegacy(t *testing.T) {
	data := spki(t, ec(t, elliptic.P256()))
	for format, refused := range map[string]bool{"": true, "js7": true, "jwe": false, "cms": false} {
		key, err := agentkeys.NewKey(data, agentkeys.Requirements{Format: format, NoLegacy: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := key.Check(time.Now()); errors.Is(err, agentkeys.ErrPolicy) != refused || errors.Is(err, sealcrypto.ErrForbidden) != refused {
			t.Errorf("format %q: %v", format, err)
		}
	}
}
