package js7

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// TestTraps lists what in the tool's format leads astray, and what is done here.
// The comments say where the tool does otherwise.
func TestTraps(t *testing.T) {
	recipient, identity := readPair(t, "p256")
	good := string(seal(t, recipient, []byte("value")))
	fields := strings.Split(strings.TrimPrefix(good, prefix), " ")
	compressed := compressPoint(t, good)
	for name, c := range map[string]struct {
		value string
		class error // nil if it opens to "value"
	}{
		"with enc:":               {good, nil},
		"without enc:":            {good[4:], nil},                      // What the tool prints.
		"newline":                 {good + "\n", nil},                   // The tool refuses it; every shell and editor adds it.
		"newline of Windows":      {good + "\r\n", nil},                 // As above.
		"newline alone":           {good + "\n\n", crypto.ErrMalformed}, // One is enough.
		"space after enc:":        {"enc: " + good[4:], crypto.ErrMalformed},
		"ENC:":                    {"ENC:" + good[4:], crypto.ErrMalformed},
		"enc:enc:":                {"enc:" + good, crypto.ErrMalformed},
		"two spaces":              {strings.Replace(good, " ", "  ", 1), crypto.ErrMalformed},
		"tab":                     {strings.Replace(good, " ", "\t", 1), crypto.ErrMalformed},
		"two fields":              {strings.Join(fields[:2], " "), crypto.ErrMalformed},
		"fourth field":            {good + " name", crypto.ErrMalformed},               // The tool ignores it, and whoever adds to a value is not noticed.
		"space behind":            {good + " ", crypto.ErrMalformed},                   // As above.
		"no padding":              {strings.TrimRight(good, "="), crypto.ErrMalformed}, // The tool takes it, as a second encoding of the same.
		"line break in a field":   {good[:80] + "\n" + good[80:], crypto.ErrMalformed},
		"compressed point":        {compressed, crypto.ErrNoMatch},                                     // The tool takes it and never makes it.
		"path for the value":      {strings.Join(fields[:2], " ") + " /tmp/file", crypto.ErrMalformed}, // File mode: see OpenFile.
		"enc: of a failed script": {"enc:", crypto.ErrMalformed},                                       // The scripts print it before they start the tool.
	} {
		t.Run(name, func(t *testing.T) {
			got, err := identity.Open([]byte(c.value))
			if c.class == nil {
				if err != nil || string(got) != "value" {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if got != nil {
				t.Errorf("opened to %q", got)
			}
			wantClass(t, err, c.class)
		})
	}
}

// compressPoint writes the ephemeral key of an envelope as X alone.
func compressPoint(t testing.TB, sealed string) string {
	t.Helper()
	parsed, err := parseEnvelope([]byte(sealed))
	if err != nil {
		t.Fatal(err)
	}
	w := parsed.wrapped
	parsed.wrapped = append(append([]byte{2 | w[64]&1}, w[1:33]...), w[65:]...)
	return string(parsed.append(nil))
}

// TestTrapsOfPlaintexts: what the tool changes in some surroundings is kept. It
// turns what is not ASCII into "?" where the locale is C, before it seals.
func TestTrapsOfPlaintexts(t *testing.T) {
	for _, name := range []string{"rsa2048", "k256"} {
		recipient, identity := readPair(t, name)
		for _, plaintext := range []string{"", "\n", "value\n", "value\r\n\n", "pä€𝄞", `"quotes' $HOME`, "\x00\xff", strings.Repeat("0123456789abcdef", 2)} {
			sealed := seal(t, recipient, []byte(plaintext))
			if got, err := identity.Open(sealed); err != nil || string(got) != plaintext {
				t.Errorf("%s: %q opens to %q, %v", name, plaintext, got, err)
			}
			value, err := base64.StdEncoding.DecodeString(strings.Split(string(sealed), " ")[2])
			if want := (len(plaintext)/16 + 1) * 16; err != nil || len(value) != want {
				t.Errorf("%q becomes %d bytes, want %d", plaintext, len(value), want)
			}
		}
	}
}

// TestTrapsOfFiles are those of file mode. The tool cannot read its own header
// if the file's name has a space.
func TestTrapsOfFiles(t *testing.T) {
	recipient, identity := readPair(t, "p521")
	header, sealed := sealFile(t, recipient, []byte("value"))
	text := string(sealed)
	for name, c := range map[string]struct {
		header, text string
		class        error
	}{
		"header alone":       {header, text, nil},
		"with enc:":          {"enc:" + header, text, nil},
		"with a path":        {header + " /tmp/file", text, nil},
		"a path with spaces": {"enc:" + header + " /tmp/a file.txt", text, nil},
		"newline":            {header, text + "\n", crypto.ErrMalformed}, // The tool refuses it, too, and leaves part of the file.
		"one base64":         {header, strings.ReplaceAll(text+text, "==", ""), crypto.ErrMalformed},
		"line breaks":        {header, text[:23] + "\n", crypto.ErrMalformed},
		"18 bytes a block":   {header, strings.Repeat("A", blockText), crypto.ErrMalformed},
		"17 bytes a block":   {header, strings.Repeat("A", blockText-1) + "=", crypto.ErrMalformed},
		"break in a block":   {header, strings.Repeat("A", 11) + "\n" + strings.Repeat("A", 12), crypto.ErrMalformed},
		"stray bits":         {header, text[:21] + "B==", crypto.ErrMalformed},
		"space after enc:":   {"enc: " + header, text, crypto.ErrMalformed},
		"two spaces":         {strings.Replace(header, " ", "  ", 1), text, crypto.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			err := identity.OpenFile(c.header, strings.NewReader(c.text), &got)
			wantClass(t, err, c.class)
			if c.class == nil && got.String() != "value" {
				t.Errorf("got %q", got.String())
			}
		})
	}
	for size, want := range map[int]int{0: 24, 1: 24, 15: 24, 16: 48, 17: 48, 1 << 20: 1_572_888} {
		if _, sealed := sealFile(t, recipient, make([]byte, size)); len(sealed) != want {
			t.Errorf("%d bytes become %d, want %d", size, len(sealed), want)
		}
	}
}

// TestTrapsOfKeys reads every file of keys, those that the tool refuses too:
// all of one name are one key.
func TestTrapsOfKeys(t *testing.T) {
	password := "jobscheduler"
	names, err := filepath.Glob(filepath.Join(vectorFolder, "keys", "*"))
	if err != nil || len(names) != 44 {
		t.Fatalf("found %d files, %v", len(names), err)
	}
	for _, path := range names {
		name, kind, _ := strings.Cut(filepath.Base(path), ".")
		t.Run(name+"."+kind, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			recipient, identity := readPair(t, name)
			if kind == "crt" || kind == "spki.pem" || kind == "ecpub.pem" {
				public, err := keys.ParsePublic(data)
				if err != nil {
					t.Fatal(err)
				}
				if made, err := NewRecipient(public.Key); err != nil || made.KeyID() != recipient.KeyID() {
					t.Errorf("got %v, %v", made, err)
				}
				return
			}
			private, err := keys.ParsePrivate(data, []byte(password))
			if err != nil {
				t.Fatal(err)
			}
			if made, err := NewIdentity(private); err != nil || made.KeyID() != identity.KeyID() {
				t.Errorf("got %v, %v", made, err)
			}
		})
	}
}
