package openpgp

import (
	"bytes"
	"testing"
)

// TestArmorChecksum: a message of version 2 has none, one of version 1 has one,
// whatever its length.
func TestArmorChecksum(t *testing.T) {
	for kind, want := range map[string]bool{"v4-curve25519": true, "v6-x25519": false} {
		recipient, identity := newPair(t, kind)
		for size := range 100 {
			plaintext := random(t, size)
			armored := sealed(t, plaintext, recipient)
			if has := bytes.Contains(armored, []byte("\n=")); has != want {
				t.Fatalf("%s, %d bytes: it has a checksum: %v", kind, size, has)
			}
			wantOpen(t, identity, armored, plaintext)
		}
	}
}
