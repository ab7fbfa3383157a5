package age

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// TestEveryCut: an envelope that is cut anywhere does not open: it is malformed
// if its header, its armor or its nonce is cut, and damaged if its payload is.
// Armor may lack its last line break.
func TestEveryCut(t *testing.T) {
	for _, kind := range kinds {
		recipient, identity := newPair(t, kind)
		raw := seal(t, recipient, []byte("value"))
		payload := len(raw) - len("value") - 16
		for n := range raw {
			want := crypto.ErrMalformed
			if n >= payload {
				want = crypto.ErrDamaged
			}
			plaintext, err := identity.Open(raw[:n])
			if plaintext != nil {
				t.Fatalf("%s cut at %d opens to %q", kind, n, plaintext)
			}
			wantClass(t, err, want)
		}
		text := bytes.TrimSpace(form(t, "armor", raw))
		for n := range text {
			plaintext, err := identity.Open(text[:n])
			if plaintext != nil || err == nil {
				t.Fatalf("%s, armor cut at %d opens to %q, %v", kind, n, plaintext, err)
			}
			if !errors.Is(err, crypto.ErrMalformed) && !errors.Is(err, crypto.ErrDamaged) {
				t.Errorf("%s, armor cut at %d: %v", kind, n, err)
			}
		}
	}
}

// TestEveryBitOfArmor: no armor that differs in a bit opens to anything else.
func TestEveryBitOfArmor(t *testing.T) {
	recipient, identity := newPair(t, "age")
	text := form(t, "armor", seal(t, recipient, []byte("value")))
	for i := range 8 * len(text) {
		changed := bytes.Clone(text)
		changed[i/8] ^= 1 << (i % 8)
		plaintext, err := identity.Open(changed)
		if err != nil && plaintext != nil || err == nil && string(plaintext) != "value" {
			t.Fatalf("with bit %d flipped it opens to %q, %v", i, plaintext, err)
		}
	}
}
