package secretbytes_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// BenchmarkValue is what a value costs from its first byte to its wiping,
// without what is done with it.
func BenchmarkValue(b *testing.B) {
	for _, size := range []int{100, 1000, 10_000} {
		text := bytes.Repeat([]byte("x"), size)
		b.Run(fmt.Sprintf("copy/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				secretbytes.Copy(text).Wipe()
			}
		})
		b.Run(fmt.Sprintf("read/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			var reader bytes.Reader
			for b.Loop() {
				reader.Reset(text)
				v, err := secretbytes.ReadFrom(&reader, 64<<10)
				if err != nil {
					b.Fatal(err)
				}
				v.Wipe()
			}
		})
	}
}

// BenchmarkValueParallel is BenchmarkValue on all processors, which share the
// free lists.
func BenchmarkValueParallel(b *testing.B) {
	text := bytes.Repeat([]byte("x"), 1000)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			secretbytes.Copy(text).Wipe()
		}
	})
}

// BenchmarkExpose is what Expose adds to its use, and what each allocation
// within it does; run it with GOEXPERIMENT=runtimesecret as well.
func BenchmarkExpose(b *testing.B) {
	v := secretbytes.Copy([]byte("tiger"))
	defer v.Wipe()
	var sink []byte
	for _, bc := range []struct {
		name string
		use  func([]byte) error
	}{
		{"nothing", func([]byte) error { return nil }},
		{"allocation", func([]byte) error { sink = make([]byte, 64); return nil }},
	} {
		b.Run(bc.name, func(b *testing.B) {
			for b.Loop() {
				if err := v.Expose(bc.use); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	_ = sink
}
