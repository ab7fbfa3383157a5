package js7

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
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

// BenchmarkPrimitive is what sealing cannot be faster than: an encryption with
// RSA, or a new key and an agreement with it.
func BenchmarkPrimitive(b *testing.B) {
	for _, name := range pairs {
		b.Run(name, func(b *testing.B) {
			work := primitive(b, readPrivate(b, "keys/"+name+".pk8", nil))
			for b.Loop() {
				if err := work(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func primitive(b *testing.B, private any) func() error {
	b.Helper()
	switch key := private.(type) {
	case *rsa.PrivateKey:
		return func() error {
			_, err := rsa.EncryptPKCS1v15(rand.Reader, &key.PublicKey, make([]byte, keySize)) //nolint:staticcheck // What the format uses.
			return err
		}
	case *secp256k1.PrivateKey:
		return func() error {
			ephemeral, err := secp256k1.GeneratePrivateKey()
			if err == nil {
				secp256k1.GenerateSharedSecret(ephemeral, key.PubKey())
			}
			return err
		}
	}
	key, err := private.(*ecdsa.PrivateKey).ECDH()
	if err != nil {
		b.Fatal(err)
	}
	return func() error {
		ephemeral, err := key.Curve().GenerateKey(rand.Reader)
		if err == nil {
			_, err = ephemeral.ECDH(key.PublicKey())
		}
		return err
	}
}
