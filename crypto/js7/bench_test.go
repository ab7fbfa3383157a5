package js7

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"testing"
)

func BenchmarkSeal(b *testing.B) {
	for _, name := range pairs {
		recipient, _ := readPair(b, name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := recipient.Seal([]byte("a password of usual size")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, name := range pairs {
		recipient, identity := readPair(b, name)
		sealed := seal(b, recipient, []byte("a password of usual size"))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := identity.Open(sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFile seals and opens a file of 1 MiB.
func BenchmarkFile(b *testing.B) {
	recipient, identity := readPair(b, "p256")
	header, sealed := sealFile(b, recipient, make([]byte, 1<<20))
	b.Run("seal", func(b *testing.B) {
		b.SetBytes(1 << 20)
		for b.Loop() {
			if _, err := recipient.SealFile(bytes.NewReader(make([]byte, 1<<20)), io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		b.SetBytes(1 << 20)
		for b.Loop() {
			if err := identity.OpenFile(header, bytes.NewReader(sealed), io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPrimitive is what sealing cannot be faster than.
func BenchmarkPrimitive(b *testing.B) {
	rsaKey := readPrivate(b, "keys/rsa2048.pk8", nil).(*rsa.PrivateKey)
	ecKey, err := readPrivate(b, "keys/p256.pk8", nil).(*ecdsa.PrivateKey).ECDH()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("rsa2048", func(b *testing.B) {
		for b.Loop() {
			if _, err := rsa.EncryptPKCS1v15(rand.Reader, &rsaKey.PublicKey, make([]byte, 16)); err != nil { //nolint:staticcheck // What the format uses.
				b.Fatal(err)
			}
		}
	})
	b.Run("p256", func(b *testing.B) {
		for b.Loop() {
			ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := ephemeral.ECDH(ecKey.PublicKey()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
