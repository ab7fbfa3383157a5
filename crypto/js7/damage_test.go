package js7

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// TestEveryBit says for each bit of an envelope what a flip of it does. Of the
// wrapped key none is unnoticed. A bit of the IV is that bit of the first
// block: unnoticed in the plaintext, noticed in the padding. Of the value a
// block becomes nonsense, which is noticed if it has the padding in it, but for
// one in some 256; and the next block has the same bit flipped.
func TestEveryBit(t *testing.T) {
	for _, name := range []string{"p256", "k256", "rsa2048"} {
		recipient, identity := readPair(t, name)
		const plaintext = "the first block.value"
		good, err := parseEnvelope(seal(t, recipient, []byte(plaintext)))
		if err != nil {
			t.Fatal(err)
		}
		open := func(wrapped, iv, ciphertext []byte) (string, bool) {
			got, err := identity.Open(envelope{header{wrapped, iv}, ciphertext}.append(nil))
			if err != nil && got != nil {
				t.Fatalf("%s: %q and an error", name, got)
			}
			return string(got), err == nil
		}
		for i := range 8 * len(good.wrapped) {
			if got, opened := open(flipped(good.wrapped, i), good.iv, good.ciphertext); opened {
				t.Fatalf("%s: bit %d of the wrapped key flipped, it opens to %q", name, i, got)
			}
		}
		for i := range 8 * len(good.iv) {
			want := string(flipped([]byte(plaintext), i))
			if got, opened := open(good.wrapped, flipped(good.iv, i), good.ciphertext); !opened || got != want {
				t.Errorf("%s: bit %d of the IV flipped, it opens to %q, want %q", name, i, got, want)
			}
		}
		for i := range 8 * 16 {
			got, opened := open(good.wrapped, good.iv, flipped(good.ciphertext, i))
			inText := i/8 < len(plaintext)-16
			switch {
			case opened != inText:
				t.Errorf("%s: bit %d of the first block flipped, it opens: %v", name, i, opened)
			case opened && (got[16:] != string(flipped([]byte(plaintext), 128+i)[16:]) || got[:16] == plaintext[:16]):
				t.Errorf("%s: bit %d of the first block flipped, it opens to %q", name, i, got)
			}
		}
		nonsense := 0
		for i := 128; i < 256; i++ {
			if got, opened := open(good.wrapped, good.iv, flipped(good.ciphertext, i)); opened {
				nonsense++
				if got == plaintext {
					t.Errorf("%s: bit %d of the last block flipped is not noticed", name, i)
				}
			}
		}
		if nonsense > 12 { // One in two is expected; more than 12 come up once in 10^13 runs.
			t.Errorf("%s: %d of 128 flips in the last block are not noticed", name, nonsense)
		}
	}
}

func flipped(data []byte, bit int) []byte {
	changed := bytes.Clone(data)
	changed[bit/8] ^= 1 << (bit % 8)
	return changed
}

// TestEveryCut: an envelope of one block that is cut anywhere is malformed. Of
// a longer one whole blocks may be missing at the end, which shows if the
// padding is not right by chance, and at the front if the IV is changed as well,
// which does not show.
func TestEveryCut(t *testing.T) {
	for _, name := range []string{"p256", "rsa2048"} {
		recipient, identity := readPair(t, name)
		sealed := seal(t, recipient, []byte("value"))
		for n := range sealed {
			plaintext, err := identity.Open(sealed[:n])
			if plaintext != nil {
				t.Fatalf("%s cut at %d opens to %q", name, n, plaintext)
			}
			wantClass(t, err, crypto.ErrMalformed)
		}
		long, err := parseEnvelope(seal(t, recipient, []byte("the first block.value")))
		if err != nil {
			t.Fatal(err)
		}
		front := envelope{header{long.wrapped, long.ciphertext[:16]}, long.ciphertext[16:]}
		if got, err := identity.Open(front.append(nil)); err != nil || string(got) != "value" {
			t.Errorf("%s without its first block opens to %q, %v", name, got, err)
		}
		end := envelope{long.header, long.ciphertext[:16]} // "the first block." is no padding.
		got, err := identity.Open(end.append(nil))
		if got != nil {
			t.Errorf("%s without its last block opens to %q", name, got)
		}
		wantClass(t, err, map[string]error{"p256": crypto.ErrDamaged, "rsa2048": crypto.ErrNoMatch}[name])
		twice := envelope{long.header, slices.Concat(long.ciphertext[:16], long.ciphertext)}
		if got, err := identity.Open(twice.append(nil)); err != nil || len(got) != 37 {
			t.Errorf("%s with its first block twice opens to %q, %v", name, got, err)
		}
	}
}
