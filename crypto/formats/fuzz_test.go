package formats_test

import (
	"testing"

	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// FuzzDetect: looking for the format of any data, and into an envelope for what
// is legacy and whom it is for, fails on none; and nothing opens without a key.
func FuzzDetect(f *testing.F) {
	for _, kind := range []string{"age", "ec-p256"} {
		public, _ := newKey(f, kind)
		for _, name := range formats.Names() {
			recipient, format, err := formats.RecipientFor(public, name)
			if err != nil {
				continue // Not every format takes both.
			}
			for _, form := range format.Forms {
				written, err := form.Write(sealed(f, recipient))
				if err != nil {
					f.Fatal(err)
				}
				f.Add(written)
			}
		}
	}
	_, text, err := keys.Generate("ec-p256")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(text))
	f.Fuzz(func(t *testing.T, data []byte) {
		format, found := formats.Detect(data)
		if err := formats.RefuseLegacy(data); err != nil && !found {
			t.Fatalf("legacy, and of no format: %v", err)
		}
		if found != (format.Name != "") {
			t.Fatalf("found %v: %q", found, format.Name)
		}
		for _, each := range formats.All {
			if whom, err := each.Addressees(data); err != nil && whom != nil || err == nil && !found {
				t.Fatalf("%s is for %q, %v", each.Name, whom, err)
			}
		}
		if plaintext, err := formats.Open(data); plaintext != nil || err == nil {
			t.Fatalf("opened without a key to %q", plaintext)
		}
	})
}
