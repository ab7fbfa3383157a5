package cms

import "testing"

var password = []byte("a password of usual size")

func BenchmarkSeal(b *testing.B) {
	for _, name := range names {
		recipient := bare(b, name)
		b.Run(name, func(b *testing.B) {
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
	for _, name := range names {
		identity, envelope := readIdentity(b, name), sealed(b, string(password), bare(b, name))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := identity.Open(envelope); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPrimitive wraps a key, without the content: the part of Seal that
// the public key costs.
func BenchmarkPrimitive(b *testing.B) {
	for _, name := range names {
		made := bare(b, name).(*recipient)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := made.info(contentKey); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
