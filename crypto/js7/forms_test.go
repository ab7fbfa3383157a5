package js7

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

func written(t testing.TB, form string, envelope []byte) []byte {
	t.Helper()
	for _, f := range Format.Forms {
		if f.Name == form {
			out, err := f.Write(envelope)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	t.Fatalf("there is no form %s", form)
	return nil
}

func TestForms(t *testing.T) {
	for _, name := range pairs {
		recipient, identity := readPair(t, name)
		for _, size := range []int{0, 1, 15, 16, 17, 1 << 20} {
			plaintext := bytes.Repeat([]byte{0xa5}, size)
			sealed := seal(t, recipient, plaintext)
			bare := written(t, "bare", sealed)
			if !bytes.Equal(written(t, "enc", sealed), sealed) || string(bare) != strings.TrimPrefix(string(sealed), "enc:") {
				t.Errorf("%s: forms of %d bytes differ from what was sealed", name, size)
			}
			for _, envelope := range [][]byte{sealed, bare, append(bytes.Clone(bare), '\n'), append(bytes.Clone(sealed), "\r\n"...)} {
				if got, err := identity.Open(envelope); err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("%s: %d bytes open to %d, %v", name, size, len(got), err)
				}
				if !bytes.Equal(written(t, "enc", envelope), sealed) || !bytes.Equal(written(t, "bare", envelope), bare) {
					t.Errorf("%s: %d bytes do not come back", name, size)
				}
				if !Format.Detect(envelope) || !Format.Detect(envelope[:min(len(envelope), 64<<10)]) {
					t.Errorf("%s: %d bytes are not detected", name, size)
				}
			}
		}
	}
}

// TestAlgorithms: all are legacy, and what is sealed is what the table says
// first for the kind of key.
func TestAlgorithms(t *testing.T) {
	if !Format.Legacy || Format.SealTo != nil || Format.Stream != nil || len(Format.Algorithms) != 3 {
		t.Errorf("the table says %+v", Format)
	}
	for i, algorithm := range Format.Algorithms {
		if !algorithm.Legacy || algorithm.PostQuantum || algorithm.OpenOnly != (i == 2) {
			t.Errorf("the table says %+v", algorithm)
		}
	}
	for _, name := range pairs {
		recipient, identity := readPair(t, name)
		parsed, err := parseEnvelope(seal(t, recipient, nil))
		if err != nil {
			t.Fatal(err)
		}
		if key, genuine, err := identity.unwrap(parsed.wrapped); err != nil || !genuine || len(key) != keySize {
			t.Errorf("%s: the key has %d bytes, %v", name, len(key), err)
		}
	}
}

func TestDetect(t *testing.T) {
	recipient, _ := readPair(t, "rsa4096")
	good := string(seal(t, recipient, []byte("value")))
	fields := strings.Split(good, " ")
	head := fields[0] + " " + fields[1] + " "
	for name, c := range map[string]struct {
		data string
		want bool
	}{
		"whole":               {good, true},
		"without enc:":        {good[4:], true},
		"head alone":          {head, true},
		"RSA of 16384 bits":   {base64.StdEncoding.EncodeToString(make([]byte, 2048)) + " " + fields[1] + " ", true},
		"longer than any key": {base64.StdEncoding.EncodeToString(make([]byte, 2052)) + " " + fields[1] + " ", false},
		"no value":            {fields[0] + " " + fields[1], false},
		"first field":         {fields[0], false},
		"IV of 15":            {fields[0] + " " + base64.StdEncoding.EncodeToString(make([]byte, 15)) + " ", false},
		"space after prefix":  {"enc: " + good[4:], false},
		"capitals":            {"ENC:" + good[4:], false},
		"words":               {"three plain words", false},
		"prefix alone":        {"enc:", false},
		"empty":               {"", false},
	} {
		if got := Format.Detect([]byte(c.data)); got != c.want {
			t.Errorf("%s: detected is %v", name, got)
		}
	}
}

// TestCertificate: a certificate stands for its key.
func TestCertificate(t *testing.T) {
	for _, name := range []string{"rsa2048", "p256", "p384", "p521"} {
		recipient, err := Format.Recipient(readCertificate(t, name))
		if err != nil {
			t.Fatal(err)
		}
		_, identity := readPair(t, name)
		if recipient.KeyID() != identity.KeyID() {
			t.Errorf("%s: IDs are %s and %s", name, recipient.KeyID(), identity.KeyID())
		}
		sealed, err := recipient.Seal([]byte("value"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := identity.Open(sealed); err != nil || string(got) != "value" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// FuzzForms: what is read is written with the same bytes again, but for a
// newline at its end; an error comes with no envelope.
func FuzzForms(f *testing.F) {
	vectors, negative := loadVectors(f)
	for _, v := range append(vectors, negative...) {
		f.Add([]byte(v.Value))
		f.Add([]byte(strings.TrimPrefix(v.Value, prefix) + "\n"))
	}
	f.Add([]byte(strings.Repeat("AAAA", 684) + " AAAAAAAAAAAAAAAAAAAAAA== AAAAAAAAAAAAAAAAAAAAAA=="))
	f.Fuzz(func(t *testing.T, data []byte) {
		enc, err := Format.Forms[0].Write(data)
		bare, errBare := Format.Forms[1].Write(data)
		if (err == nil) != (errBare == nil) || (err == nil) != (enc != nil) || (err == nil) != (bare != nil) {
			t.Fatalf("%q, %v; %q, %v", enc, err, bare, errBare)
		}
		if err != nil {
			wantClass(t, err, crypto.ErrMalformed)
			return
		}
		line := bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
		if !bytes.Equal(enc, line) && !bytes.Equal(bare, line) {
			t.Fatalf("%q is written %q and %q", data, enc, bare)
		}
		if !Format.Detect(data) {
			t.Fatal("it is read and not detected")
		}
	})
}
