package enrol_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func csr(t testing.TB, key any) string {
	t.Helper()
	made, err := keys.Template{Subject: keys.CommonName("web")}.Request(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(made)
}

// A request for a certificate waits for an operator, whatever the rule and whoever
// vouches for it; a rule that denies denies.
func TestCSR(t *testing.T) {
	for rule, want := range map[enrol.Rule]outbox.EnrolmentState{
		enrol.Allow: outbox.Requested, enrol.Defer: outbox.Requested, enrol.Deny: outbox.Denied,
	} {
		o := newOffice(t)
		o.rule = rule
		key := ecKey(t)
		body := newBody(t, "web", csr(t, key), newSigning(t), now)
		body.Token = o.invite(t, "web")
		o.want(t, body, want)
		known, err := o.store.Enrolments(t.Context())
		if err != nil || len(known) != 1 || known[0].CSR == "" || !strings.HasPrefix(known[0].Public, "-----BEGIN PUBLIC KEY-----") {
			t.Fatalf("%+v, %v", known, err)
		}
		if id, err := keys.ID(key.Public()); err != nil || known[0].KeyID != id {
			t.Errorf("key %s, %v; want %s", known[0].KeyID, err, id)
		}
	}
	o := newOffice(t)
	o.rule = enrol.Allow
	present := newSigning(t)
	first := newBody(t, "web", newPublic(t, "age"), present, now)
	first.Token = o.invite(t, "web")
	o.want(t, first, outbox.Approved)
	o.want(t, endorse(t, present, newBody(t, "web", csr(t, ecKey(t)), newSigning(t), now)), outbox.Requested)
}

func TestCSRRefused(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := csr(t, ecKey(t))
	block, _ := pem.Decode([]byte(good))
	block.Bytes[len(block.Bytes)-1] ^= 1
	forged := string(pem.EncodeToMemory(block))
	for name, text := range map[string]string{
		"not signed by its key": forged,
		"two of them":           good + good,
		"text behind it":        good + "tiger\n",
		"cut off":               good[:len(good)/2],
		"not a request":         "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
		"a weak key":            csr(t, weak),
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			body := newBody(t, "web", text, newSigning(t), now)
			body.Token = o.invite(t, "web")
			if answer, err := o.Register(t.Context(), body, now); !errors.Is(err, enrol.ErrKey) {
				t.Errorf("answer %+v, error %v", answer, err)
			}
		})
	}
}

func TestCheckCertificate(t *testing.T) {
	key := ecKey(t)
	id, err := keys.ID(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	issued := func(of *ecdsa.PrivateKey, from, to time.Time) []byte {
		made, err := keys.SelfSigned(of, "web", from, to)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	bare, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	hour := time.Hour
	if err := enrol.CheckCertificate(issued(key, now.Add(-hour), now.Add(hour)), id, now); err != nil {
		t.Error(err)
	}
	for name, certificate := range map[string][]byte{
		"of another key": issued(ecKey(t), now.Add(-hour), now.Add(hour)),
		"expired":        issued(key, now.Add(-2*hour), now.Add(-hour)),
		"not yet valid":  issued(key, now.Add(hour), now.Add(2*hour)),
		"a bare key":     pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: bare}),
		"nothing":        []byte("tiger"),
	} {
		if err := enrol.CheckCertificate(certificate, id, now); !errors.Is(err, enrol.ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
