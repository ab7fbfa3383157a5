package cms

import (
	"bytes"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// FuzzOpen: what is read is written with the same bytes again, but for the BER
// of streaming, the label and the line ends of armor; and an error comes with
// no plaintext.
func FuzzOpen(f *testing.F) {
	var seeds [][]byte
	for _, name := range []string{"p256", "rsa2048", "k256"} {
		envelope := sealed(f, "value", bare(f, name))
		seeds = append(seeds, envelope, written(f, "raw", envelope), streamedForm(f, written(f, "raw", envelope), 2))
	}
	seeds = append(seeds,
		sealed(f, "", certified(f, "p384"), certified(f, "rsa2048")),
		sealCBC(f, wrappedFor(f, "p256", keySize), paddedValue, unchanged),
		sealGCM(f, pkcs1For(f, "rsa2048", keySize), "value", nil))
	for _, seed := range seeds {
		if _, _, err := read(seed); err != nil {
			f.Fatalf("a seed is not read: %v", err)
		}
		f.Add(seed)
	}
	identities := []crypto.Identity{readIdentity(f, "p256"), readIdentity(f, "rsa2048"), readIdentity(f, "k256")}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkForms(t, data)
		for _, identity := range identities {
			plaintext, err := identity.Open(data)
			if err != nil && plaintext != nil {
				t.Fatalf("%d bytes and an error: %v", len(plaintext), err)
			}
			if err == nil && !Format.Detect(data) {
				t.Fatal("it opens and is not detected")
			}
		}
	})
}

func checkForms(t *testing.T, data []byte) {
	der, _, err := read(data)
	if err != nil {
		if der != nil {
			t.Fatalf("%d bytes and an error: %v", len(der), err)
		}
		return
	}
	switch {
	case bytes.HasPrefix(data, []byte("-----")):
		text := bytes.TrimSuffix(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\n"))
		text = bytes.ReplaceAll(text, []byte(" PKCS7-"), []byte(" CMS-"))
		if block, err := unarmor(data); err != nil || !isIndefinite(block) {
			if got := bytes.TrimSuffix(armor(der), []byte("\n")); !bytes.Equal(got, text) {
				t.Fatalf("armor\n%q is written\n%q", text, got)
			}
		}
	case !isIndefinite(data) && !bytes.Equal(der, data):
		t.Fatal("raw form changed")
	}
	if again, _, err := read(armor(der)); err != nil || !bytes.Equal(again, der) {
		t.Fatalf("armor is not read again: %v", err)
	}
}
