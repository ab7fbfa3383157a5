package jwe

import (
	"bytes"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// TestEveryBit: an envelope that differs in one bit does not open. In JSON it
// may open to the same plaintext if the bit is of a name outside the protected
// header, for a recipient's header is not authenticated as such.
func TestEveryBit(t *testing.T) {
	for _, name := range []string{"p256", "x25519", "rsa2048"} {
		p := readPair(t, name)
		compact := seal(t, p.recipient, "value")
		several, err := Format.SealTo([]byte("value"), p.recipient, readPair(t, "p384").recipient)
		if err != nil {
			t.Fatal(err)
		}
		for form, sealed := range map[string][]byte{"compact": compact, "json": write(t, "json", compact), "several": several} {
			for i := range 8 * len(sealed) {
				changed := bytes.Clone(sealed)
				changed[i/8] ^= 1 << (i % 8)
				plaintext, err := p.identity.Open(changed)
				if err != nil && plaintext != nil || err == nil && (form != "several" || string(plaintext) != "value") {
					t.Fatalf("%s, %s: with bit %d flipped it opens to %q, %v", name, form, i, plaintext, err)
				}
			}
		}
	}
}

// TestEveryCut: an envelope that is cut anywhere does not open. What of the tag
// is missing shows in its length, so it is malformed everywhere.
func TestEveryCut(t *testing.T) {
	p := readPair(t, "p256")
	compact := seal(t, p.recipient, "value")
	for _, sealed := range [][]byte{compact, write(t, "json", compact)} {
		for n := range sealed {
			plaintext, err := p.identity.Open(sealed[:n])
			if plaintext != nil {
				t.Fatalf("cut at %d it opens to %q", n, plaintext)
			}
			wantClass(t, err, crypto.ErrMalformed)
		}
	}
}
