package jwe

import "testing"

func BenchmarkSeal(b *testing.B) {
	for _, name := range kinds {
		p := readPair(b, name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				seal(b, p.recipient, "a password of usual size")
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, name := range kinds {
		p := readPair(b, name)
		sealed := seal(b, p.recipient, "a password of usual size")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.identity.Open(sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPrimitive wraps a key, without the content: the part of Seal that
// the public key costs.
func BenchmarkPrimitive(b *testing.B) {
	for _, name := range kinds {
		p := readPair(b, name)
		cek := newKey()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := p.recipient.seal(cek); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
