package cms

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// TestEveryBit: an envelope that differs in one bit does not open, unless that
// bit is of a recipient's name, and never to anything else. A name is not
// authenticated: it is a hint.
func TestEveryBit(t *testing.T) {
	for _, name := range []string{"p256", "rsa2048"} {
		identity := readIdentity(t, name)
		named := written(t, "raw", sealed(t, "value", bare(t, name)))
		keyID := must(readEnvelope(named)).names()[0]
		at := bytes.Index(named, keyID)
		for i := range 8 * len(named) {
			changed := bytes.Clone(named)
			changed[i/8] ^= 1 << (i % 8)
			plaintext, err := identity.Open(changed)
			inName := i/8 >= at && i/8 < at+len(keyID)
			switch {
			case inName && (err != nil || string(plaintext) != "value"):
				t.Errorf("%s: bit %d of the name flipped: %q, %v", name, i, plaintext, err)
			case !inName && (err == nil || plaintext != nil):
				t.Errorf("%s: bit %d flipped: it opens to %q, %v", name, i, plaintext, err)
			}
		}
	}
}

// TestEveryBitOfArmor as TestEveryBit, for text: a bit may turn one encoding
// of a name into another, and nothing else.
func TestEveryBitOfArmor(t *testing.T) {
	identity := readIdentity(t, "p256")
	armored := sealed(t, "value", bare(t, "p256"))
	for i := range 8 * len(armored) {
		changed := bytes.Clone(armored)
		changed[i/8] ^= 1 << (i % 8)
		if plaintext, err := identity.Open(changed); err != nil && plaintext != nil || err == nil && string(plaintext) != "value" {
			t.Errorf("bit %d flipped: it opens to %q, %v", i, plaintext, err)
		}
	}
}

func readEnvelope(data []byte) (*envelope, error) {
	_, parsed, err := read(data)
	return parsed, err
}

// names are the key identifiers of all recipients.
func (e *envelope) names() (found [][]byte) {
	for _, t := range e.transports {
		found = append(found, t.keyID)
	}
	for _, a := range e.agreements {
		for _, w := range a.keys {
			found = append(found, w.keyID)
		}
	}
	return found
}

// TestEveryCut: an envelope that is cut anywhere is malformed, in each form and
// when it was streamed. Armor may lack its last line break.
func TestEveryCut(t *testing.T) {
	identity := readIdentity(t, "p256")
	armored := sealed(t, "value", bare(t, "p256"))
	der := written(t, "raw", armored)
	for name, envelope := range map[string][]byte{
		"raw": der, "armor": armored[:len(armored)-1], "streamed": streamedForm(t, der, 2),
	} {
		wantOpen(t, identity, envelope, "value")
		for n := range envelope {
			plaintext, err := identity.Open(envelope[:n])
			if plaintext != nil {
				t.Fatalf("%s cut at %d opens to %q", name, n, plaintext)
			}
			wantClass(t, err, crypto.ErrMalformed)
		}
	}
}

// streamedForm writes DER as OpenSSL does when it streams, in chunks of so many
// bytes.
func streamedForm(t testing.TB, der []byte, size int) []byte {
	t.Helper()
	parts := must(strict[contentInfo[authEnvelopedData]](der, "")).Content
	end := []byte{0, 0}
	out := slices.Concat([]byte{0x30, 0x80}, marshal(t, oidAuthEnvelopedData, ""), []byte{0xa0, 0x80, 0x30, 0x80, 2, 1, 0},
		marshal(t, parts.Recipients, "set"),
		[]byte{0x30, 0x80}, marshal(t, parts.Content.Type, ""), marshal(t, parts.Content.Algorithm, ""), []byte{0xa0, 0x80})
	for chunk := range slices.Chunk(parts.Content.Content, size) {
		out = append(out, marshal(t, chunk, "")...)
	}
	return slices.Concat(out, end, end, marshal(t, parts.MAC, ""), end, end, end)
}

func TestStreamed(t *testing.T) {
	identity := readIdentity(t, "p256")
	armored := sealed(t, "a longer value", bare(t, "p256"))
	der := written(t, "raw", armored)
	for _, size := range []int{1, 2, 13, 14, 100} {
		text := streamedForm(t, der, size)
		if !Format.Detect(text) {
			t.Error("not detected")
		}
		wantOpen(t, identity, text, "a longer value")
		if got := written(t, "raw", text); !bytes.Equal(got, der) {
			t.Errorf("chunks of %d are rewritten to other DER", size)
		}
	}
	text := streamedForm(t, der, 5)
	content := bytes.Index(text, []byte{0xa0, 0x80, 4, 5})
	for name, changed := range map[string][]byte{
		"trailing byte":            append(bytes.Clone(text), 0),
		"end twice":                append(bytes.Clone(text), 0, 0),
		"chunk of another tag":     replaceAt(text, content+2, 5),
		"content not constructed":  replaceAt(text, content, 0x80),
		"indefinite set":           bytes.Replace(text, []byte{2, 1, 0, 0x31}, []byte{2, 1, 0, 0x31, 0x80}, 1),
		"indefinite, of no tag":    {0, 0x80, 0, 0},
		"indefinite, of one byte":  {0x30, 0x80, 0x30},
		"indefinite, of long form": slices.Concat([]byte{0x30, 0x80, 0xa0, 0x81, 2}, []byte{0, 0, 0, 0}),
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, identity, changed, crypto.ErrMalformed) })
	}
}

func replaceAt(data []byte, i int, b byte) []byte {
	changed := bytes.Clone(data)
	changed[i] = b
	return changed
}
