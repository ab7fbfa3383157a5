package age

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

func TestForms(t *testing.T) {
	recipient, identity := newPair(t, "age")
	for size := range 200 { // Every length of the last line of armor.
		plaintext := bytes.Repeat([]byte{0xa5}, size)
		raw := seal(t, recipient, plaintext)
		text := form(t, "armor", raw)
		if !bytes.Equal(text, armored(t, raw)) || !bytes.Equal(form(t, "armor", text), text) {
			t.Fatalf("%d bytes: armor differs", size)
		}
		if !bytes.Equal(form(t, "raw", text), raw) || !bytes.Equal(form(t, "raw", raw), raw) {
			t.Fatalf("%d bytes: raw differs", size)
		}
		if got, err := identity.Open(text); err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
}

func TestFormsRefuse(t *testing.T) {
	recipient, _ := newPair(t, "age")
	raw := seal(t, recipient, []byte("value"))
	text := string(armored(t, raw))
	for name, envelope := range map[string]string{
		"empty":             "",
		"text":              "plain text",
		"header cut":        string(raw[:60]),
		"armor cut":         text[:60],
		"armor of nonsense": string(armored(t, []byte("nonsense"))),
		"armored twice":     string(armored(t, []byte(text))),
		"behind armor":      text + "more",
		"before armor":      "more\n" + text,
		"byte order mark":   "\xef\xbb\xbf" + text,
		"raw behind space":  "\n" + string(raw),
		"lower case":        strings.ToLower(text),
		"too much space":    strings.Repeat("\n", 2*maxWhitespace) + text,
	} {
		t.Run(name, func(t *testing.T) {
			for _, form := range Format.Forms {
				written, err := form.Write([]byte(envelope))
				if written != nil {
					t.Errorf("written as %s", form.Name)
				}
				wantClass(t, err, crypto.ErrMalformed)
			}
		})
	}
}

// FuzzForms: what is read is written the same way again, but for the white
// space and line ends that armor is read with.
func FuzzForms(f *testing.F) {
	recipient, _ := newPair(f, "age")
	hybrid, _ := newPair(f, "age-pq")
	for _, sealed := range [][]byte{seal(f, recipient, nil), seal(f, hybrid, []byte("value"))} {
		f.Add(sealed)
		f.Add(armored(f, sealed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		raw, err := writeRaw(data)
		text, errArmor := writeArmor(data)
		if err != nil || errArmor != nil {
			if raw != nil || text != nil || err == nil || errArmor == nil {
				t.Fatalf("%d and %d bytes; %v, %v", len(raw), len(text), err, errArmor)
			}
			return
		}
		if bytes.HasPrefix(data, []byte(intro)) {
			if !bytes.Equal(raw, data) {
				t.Fatal("raw form changed")
			}
		} else if !bytes.Equal(unspaced(text), unspaced(data)) {
			t.Fatalf("armor\n%q is written\n%q", data, text)
		}
		if again, err := writeRaw(text); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("armor is not read again: %v", err)
		}
	})
}

func unspaced(text []byte) []byte {
	return bytes.ReplaceAll(bytes.TrimSpace(text), []byte("\r\n"), []byte("\n"))
}
