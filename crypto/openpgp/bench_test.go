package openpgp

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

var password = []byte("a password of usual size")

func BenchmarkSeal(b *testing.B) {
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		recipient, _ := newPair(b, kind)
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := recipient.Seal(password); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		recipient, identity := newPair(b, kind)
		envelope := sealed(b, string(password), recipient)
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := identity.Open(envelope); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPrimitive wraps a session key, without the data: the part of Seal
// that the public key costs.
func BenchmarkPrimitive(b *testing.B) {
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		made, _ := newPair(b, kind)
		key, err := made.(*recipient).encryptionKey(time.Now())
		if err != nil {
			b.Fatal(err)
		}
		sessionKey := make([]byte, packet.CipherAES256.KeySize())
		b.Run(kind, func(b *testing.B) {
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				if err := packet.SerializeEncryptedKeyAEAD(&out, key.PublicKey, packet.CipherAES256, false, sessionKey, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
