package openpgp

import (
	"bytes"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// FuzzOpen: raw messages are their own raw form; armor is written as it was
// read, but for headers, checksum, white space and the length of lines; and an
// error comes with no plaintext.
func FuzzOpen(f *testing.F) {
	var identities []crypto.Identity
	for _, kind := range []string{"v4-curve25519", "v4-rsa2048", "v6-x25519"} {
		recipient, identity := newPair(f, kind)
		identities = append(identities, identity)
		armored := sealed(f, "value", recipient)
		for _, seed := range [][]byte{armored, written(f, "raw", armored), forgery{hidden: true}.raw(f, newEntity(f, kind))} {
			if _, _, err := read(seed); err != nil {
				f.Fatalf("a seed is not read: %v", err)
			}
			f.Add(seed)
		}
		f.Add(forgery{content: compressedOf(f, literalOf("value"))}.raw(f, newEntity(f, kind)))
	}
	f.Add([]byte(rfcMessage))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkForms(t, data)
		for _, identity := range identities {
			plaintext, err := identity.Open(data)
			if (err != nil) != (plaintext == nil) {
				t.Fatalf("%d bytes and %v", len(plaintext), err)
			}
			if err == nil && !Format.Detect(data) {
				t.Fatal("it opens and is not detected")
			}
		}
	})
}

func checkForms(t *testing.T, data []byte) {
	raw, err := Format.Forms[1].Write(data)
	armored, errArmor := Format.Forms[0].Write(data)
	if err != nil || errArmor != nil {
		if raw != nil || armored != nil || err == nil || errArmor == nil {
			t.Fatalf("%d and %d bytes; %v, %v", len(raw), len(armored), err, errArmor)
		}
		return
	}
	if !isArmored(data) && !bytes.Equal(raw, data) {
		t.Fatal("raw form changed")
	}
	if isArmored(data) && !bytes.Contains(unspaced(data), unspaced(base64Of(raw))) {
		t.Fatalf("armor\n%q has not in it %x", data, raw)
	}
	if again, err := Format.Forms[1].Write(armored); err != nil || !bytes.Equal(again, raw) {
		t.Fatalf("armor is not read again: %v", err)
	}
}

func base64Of(raw []byte) []byte { return []byte(b64(raw)) }

func unspaced(text []byte) []byte { return bytes.Join(bytes.Fields(text), nil) }
