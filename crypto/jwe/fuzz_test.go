package jwe

import (
	"bytes"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// FuzzOpen: what is read in compact form is written with the same bytes again,
// but for a newline at its end; what is read in JSON is written in one way,
// which is read as the same; and an error comes with no plaintext.
func FuzzOpen(f *testing.F) {
	var all []crypto.Recipient
	for _, name := range kinds {
		all = append(all, readPair(f, name).recipient)
		sealed := seal(f, all[len(all)-1], "value")
		f.Add(sealed)
		f.Add(write(f, "json", sealed))
	}
	several, err := Format.SealTo(nil, all...)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(several)
	f.Add([]byte(`{"protected":"eyJlbmMiOiJBMjU2R0NNIn0","unprotected":{"kid":"<&>"},"aad":"AAAA","header":{"alg":"RSA-OAEP-256"},"encrypted_key":"AAAA","iv":"AAAAAAAAAAAAAAAA","ciphertext":"","tag":"AAAAAAAAAAAAAAAAAAAAAA"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkForms(t, data)
		for _, name := range []string{"rsa2048", "p256", "x25519"} {
			plaintext, err := readPair(t, name).identity.Open(data)
			if err != nil && plaintext != nil {
				t.Fatalf("%d bytes and an error: %v", len(plaintext), err)
			}
			if err == nil && !Format.Detect(data) {
				t.Fatal("it opens and is not detected")
			}
		}
	})
}

func checkForms(t *testing.T, data []byte) {
	compact, errCompact := Format.Forms[0].Write(data)
	text, errText := Format.Forms[1].Write(data)
	if (errCompact != nil) != (compact == nil) || (errText != nil) != (text == nil) {
		t.Fatalf("%q, %v; %q, %v", compact, errCompact, text, errText)
	}
	if errText != nil {
		if errCompact == nil {
			t.Fatal("it is written compact and not as json")
		}
		return
	}
	line := bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if !isJSON(data) && !bytes.Equal(compact, line) {
		t.Fatalf("compact form\n%q is written\n%q", line, compact)
	}
	if again, err := Format.Forms[1].Write(text); err != nil || !bytes.Equal(again, text) {
		t.Fatalf("json\n%s is written again\n%s, %v", text, again, err)
	}
	if errCompact == nil {
		if again, err := Format.Forms[0].Write(text); err != nil || !bytes.Equal(again, compact) {
			t.Fatalf("from json it is\n%s, %v; want\n%s", again, err, compact)
		}
	}
}
