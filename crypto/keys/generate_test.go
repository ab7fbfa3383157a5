package keys

import (
	"crypto/x509"
	"testing"
	"time"
)

func TestGenerate(t *testing.T) {
	for _, kind := range Kinds {
		t.Run(kind, func(t *testing.T) {
			private, text, err := Generate(kind)
			if err != nil {
				t.Fatal(err)
			}
			public := mustPublic(t, []byte(text))
			if id := privateID(t, private, ""); id != public.ID() {
				t.Errorf("private key has ID %s, public key %s", id, public.ID())
			}
			again, _, err := Generate(kind)
			if err != nil || string(again) == string(private) {
				t.Errorf("the same key twice, or %v", err)
			}
		})
	}
	_, _, err := Generate("rsa-1024")
	wantClass(t, err, ErrUnsupported)
}

func TestSelfSigned(t *testing.T) {
	from := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	to := from.AddDate(1, 0, 0)
	for name, usage := range map[string]x509.KeyUsage{
		"rsa2048": x509.KeyUsageKeyEncipherment, "p256": x509.KeyUsageKeyAgreement, "p521": x509.KeyUsageKeyAgreement,
	} {
		key, err := ParsePrivate(readKey(t, name+".pk8"), nil)
		if err != nil {
			t.Fatal(err)
		}
		data, err := SelfSigned(key, "agent one", from, to)
		if err != nil {
			t.Fatal(err)
		}
		public := mustPublic(t, data)
		if public.ID() != mustPublic(t, readKey(t, name+".crt")).ID() {
			t.Errorf("%s: certificate is for another key", name)
		}
		if public.KeyUsage != usage || !public.NotBefore.Equal(from) || !public.NotAfter.Equal(to) ||
			public.Certificate.Subject.CommonName != "agent one" || public.Certificate.IsCA {
			t.Errorf("%s: usage %b from %s to %s for %s", name, public.KeyUsage, public.NotBefore, public.NotAfter, public.Certificate.Subject)
		}
		if certificate := public.Certificate; certificate.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature) != nil {
			t.Errorf("%s: certificate is not signed with its own key", name)
		}
		if again := mustPublic(t, mustSelfSigned(t, key, from, to)); again.Certificate.SerialNumber.Cmp(public.Certificate.SerialNumber) == 0 {
			t.Errorf("%s: the same serial number twice", name)
		}
	}
	_, err := SelfSigned(nil, "agent", from, to)
	wantClass(t, err, ErrUnsupported)
}

func mustSelfSigned(t *testing.T, key any, from, to time.Time) []byte {
	t.Helper()
	data, err := SelfSigned(key, "agent one", from, to)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSigningKeys(t *testing.T) {
	private, public, err := Generate("ed25519")
	if err != nil {
		t.Fatal(err)
	}
	signing, err := ParseSigning(private)
	if err != nil {
		t.Fatal(err)
	}
	verifying, err := ParseVerifying([]byte(public))
	if err != nil || !verifying.Equal(signing.Public()) {
		t.Errorf("verifying key does not belong to the signing key: %v", err)
	}
	_, err = ParseSigning(readKey(t, "p256.pk8"))
	wantClass(t, err, ErrUnsupported)
	_, err = ParseVerifying(readKey(t, "p256.crt"))
	wantClass(t, err, ErrUnsupported)
	_, err = ParseVerifying(private)
	wantClass(t, err, ErrPrivate)
	_, err = ParseSigning([]byte(public))
	wantClass(t, err, ErrMalformed)
}
