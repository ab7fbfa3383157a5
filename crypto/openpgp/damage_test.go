package openpgp

import (
	"bytes"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// TestEveryBit: a message that differs in one bit opens to the same plaintext
// or to none.
func TestEveryBit(t *testing.T) {
	for _, kind := range []string{"v4-curve25519", "v4-rsa2048", "v4-p256", "v6-x25519"} {
		recipient, identity := newPair(t, kind)
		armored := sealed(t, "value", recipient)
		for form, envelope := range map[string][]byte{"raw": written(t, "raw", armored), "armor": armored} {
			if form == "armor" && kind == "v4-rsa2048" {
				continue // It takes long, and armor is the same for all.
			}
			opened := 0
			for i := range 8 * len(envelope) {
				changed := bytes.Clone(envelope)
				changed[i/8] ^= 1 << (i % 8)
				plaintext, err := identity.Open(changed)
				if err != nil && plaintext != nil || err == nil && string(plaintext) != "value" {
					t.Fatalf("%s, %s with bit %d flipped opens to %q, %v", kind, form, i, plaintext, err)
				}
				if err == nil {
					opened++
				}
			}
			// The highest bit of a point on Curve25519 is masked (RFC 7748,
			// section 5), and version 4 does not derive the key from it.
			want := map[string]int{"v4-curve25519": 1}[kind]
			if form == "raw" && opened != want {
				t.Errorf("%s: %d flips of a bit are not noticed, want %d", kind, opened, want)
			}
		}
	}
}

// TestEveryCut: a message that is cut anywhere is malformed.
func TestEveryCut(t *testing.T) {
	for _, kind := range []string{"v4-curve25519", "v6-x25519"} {
		recipient, identity := newPair(t, kind)
		armored := sealed(t, "value", recipient)
		for form, envelope := range map[string][]byte{"raw": written(t, "raw", armored), "armor": bytes.TrimSpace(armored)} {
			wantOpen(t, identity, envelope, "value")
			for n := range envelope {
				plaintext, err := identity.Open(envelope[:n])
				if plaintext != nil || err == nil {
					t.Fatalf("%s, %s cut at %d opens to %q", kind, form, n, plaintext)
				}
				wantClass(t, err, crypto.ErrMalformed)
			}
		}
	}
}
