package cms

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

func unchanged(*envelopedData) {}

// TestRefusesLegacy: what a legacy envelope is refused for. With
// RSAES-PKCS1-v1_5 all that is not malformed is one error.
func TestRefusesLegacy(t *testing.T) {
	ec, byOAEP, pkcs1 := wrappedFor(t, "p256", keySize), wrappedFor(t, "rsa2048", keySize), pkcs1For(t, "rsa2048", keySize)
	for _, recipients := range [][]asn1.RawValue{ec, byOAEP, pkcs1} {
		name := map[bool]string{true: "p256", false: "rsa2048"}[recipients[0].FullBytes[0] == 0xa1]
		envelope := sealCBC(t, recipients, paddedValue, unchanged)
		wantOpen(t, readIdentity(t, name), envelope, "value")
		if !Format.LegacyEnvelope(envelope) {
			t.Error("not seen as legacy")
		}
	}
	is := func(name string, class error, padded string, recipients []asn1.RawValue, change func(*envelopedData)) refusal {
		return refusal{name, sealCBC(t, recipients, padded, change), class}
	}
	iv := func(data []byte) func(*envelopedData) {
		return func(d *envelopedData) { d.Content.Algorithm.Parameters = raw(marshal(t, data, "")) }
	}
	const wrongPadding = "value\x0b\x0b\x0b\x0b\x0b\x0a\x0b\x0b\x0b\x0b\x0b"
	wantRefusals(t, map[string]refusal{
		"padding":            is("p256", crypto.ErrDamaged, wrongPadding, ec, unchanged),
		"padding, OAEP":      is("rsa2048", crypto.ErrDamaged, wrongPadding, byOAEP, unchanged),
		"padding, PKCS#1":    is("rsa2048", crypto.ErrNoMatch, wrongPadding, pkcs1, unchanged),
		"padding of 0":       is("p256", crypto.ErrDamaged, "value\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", ec, unchanged),
		"padding of 17":      is("p256", crypto.ErrDamaged, "value\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11", ec, unchanged),
		"no content":         is("p256", crypto.ErrMalformed, "", ec, unchanged),
		"part of a block":    is("p256", crypto.ErrMalformed, paddedValue, ec, func(d *envelopedData) { d.Content.Content = d.Content.Content[1:] }),
		"IV of 15":           is("p256", crypto.ErrMalformed, paddedValue, ec, iv(make([]byte, 15))),
		"no IV":              is("p256", crypto.ErrMalformed, paddedValue, ec, func(d *envelopedData) { d.Content.Algorithm.Parameters = asn1.NullRawValue }),
		"version 0":          is("p256", crypto.ErrMalformed, paddedValue, ec, func(d *envelopedData) { d.Version = 0 }),
		"version 3":          is("p256", crypto.ErrMalformed, paddedValue, ec, func(d *envelopedData) { d.Version = 3 }),
		"version with ori":   is("p256", crypto.ErrMalformed, paddedValue, ec, func(d *envelopedData) { d.Recipients = append(d.Recipients, raw([]byte{0xa4, 0})) }),
		"signed content":     is("p256", crypto.ErrMalformed, paddedValue, ec, func(d *envelopedData) { d.Content.Type = someOID }),
		"key of 16":          is("p256", crypto.ErrMalformed, paddedValue, wrappedFor(t, "p256", 16), unchanged),
		"cipher unknown":     is("p256", crypto.ErrForbidden, paddedValue, ec, func(d *envelopedData) { d.Content.Algorithm.Algorithm = someOID }),
		"AES-GCM, no MAC":    is("p256", crypto.ErrForbidden, paddedValue, ec, func(d *envelopedData) { d.Content.Algorithm.Algorithm = oidAES256GCM }),
		"other key":          is("p384", crypto.ErrNoMatch, paddedValue, ec, unchanged),
		"key of 16, PKCS#1":  {"rsa2048", sealGCM(t, pkcs1For(t, "rsa2048", 16), "value", nil), crypto.ErrNoMatch},
		"MAC, PKCS#1":        {"rsa2048", forge(t, sealGCM(t, pkcs1, "value", nil), func(f *forged) { f.MAC[0] ^= 1 }), crypto.ErrNoMatch},
		"other size, PKCS#1": {"rsa4096", sealGCM(t, pkcs1, "value", nil), crypto.ErrNoMatch},
	})
	wantOpen(t, readIdentity(t, "rsa2048"), sealGCM(t, pkcs1, "value", nil), "value")
}

// TestNoOracle: wrapped keys that do not decrypt under RSAES-PKCS1-v1_5 are one
// error under AES-GCM, and under AES-CBC one outcome for each of them however
// often it is asked for: either that error or the same nonsense.
func TestNoOracle(t *testing.T) {
	identity := readIdentity(t, "rsa2048")
	good := pkcs1For(t, "rsa2048", keySize)
	info := must(strict[keyTransRecipientInfo](good[0].FullBytes, ""))
	opened := 0
	for range 600 {
		_, _ = rand.Read(info.EncryptedKey[1:])
		info.EncryptedKey[0] = 0 // Below the modulus.
		recipients := []asn1.RawValue{raw(marshal(t, info, ""))}
		if got, err := identity.Open(sealGCM(t, recipients, "value", nil)); got != nil || err != errUnopened { //nolint:errorlint // The very same.
			t.Fatalf("under AES-GCM: %q, %v", got, err)
		}
		envelope := sealCBC(t, recipients, paddedValue, unchanged)
		first, err := identity.Open(envelope)
		again, errAgain := identity.Open(envelope)
		if !bytes.Equal(first, again) || err != errAgain { //nolint:errorlint // As above.
			t.Fatalf("one envelope has two outcomes: %q, %v and %q, %v", first, err, again, errAgain)
		}
		if err != nil && err != errUnopened || string(first) == "value" { //nolint:errorlint // As above.
			t.Fatalf("under AES-CBC: %q, %v", first, err)
		}
		if err == nil {
			opened++
		}
	}
	if opened > 20 { // 600/256 are expected; more than 20 come up once in 10^12 runs.
		t.Errorf("%d of 600 opened to nonsense", opened)
	}
}

// TestStandIn: the key that stands for one that does not decrypt is always the
// same for one envelope and one private key, and another for any other.
func TestStandIn(t *testing.T) {
	one, other := make([]byte, 256), append(make([]byte, 255), 1)
	seen := map[string]bool{}
	for _, name := range []string{"rsa2048", "rsa4096"} {
		private := privateKey(t, name).(*rsa.PrivateKey)
		for _, encrypted := range [][][]byte{{one}, {other}, {one, other}} {
			key := unwrapPKCS1(private, encrypted, keySize)
			if again := unwrapPKCS1(private, encrypted, keySize); !bytes.Equal(key, again) || len(key) != keySize {
				t.Errorf("%s: %x and %x", name, key, again)
			}
			seen[string(key)] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d keys, want 6", len(seen))
	}
}

// TestLegacyLacks shows what AES-CBC does not protect: a bit of the IV is a bit
// of the first block, and whole blocks at the front can be cut off.
func TestLegacyLacks(t *testing.T) {
	identity := readIdentity(t, "p256")
	flipped := sealCBC(t, wrappedFor(t, "p256", keySize), paddedValue, func(d *envelopedData) {
		iv := must(strict[[]byte](d.Content.Algorithm.Parameters.FullBytes, ""))
		iv[0] ^= 0x20
		d.Content.Algorithm.Parameters = raw(marshal(t, iv, ""))
	})
	wantOpen(t, identity, flipped, "Value")
	cut := sealCBC(t, wrappedFor(t, "p256", keySize), "the first block "+paddedValue, func(d *envelopedData) {
		d.Content.Algorithm.Parameters = raw(marshal(t, d.Content.Content[:16], ""))
		d.Content.Content = d.Content.Content[16:]
	})
	wantOpen(t, identity, cut, "value")
}
