package js7

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sealrelay/sealrelay/crypto"
)

func sealFile(t testing.TB, recipient *Recipient, plaintext []byte) (string, []byte) {
	t.Helper()
	var sealed bytes.Buffer
	header, err := recipient.SealFile(bytes.NewReader(plaintext), &sealed)
	if err != nil {
		t.Fatal(err)
	}
	return header, sealed.Bytes()
}

func TestFileRoundTrip(t *testing.T) {
	const full = chunk * 16
	for _, name := range []string{"rsa2048", "p256", "k256"} {
		recipient, identity := readPair(t, name)
		for _, size := range []int{0, 1, 15, 16, 17, 1000, full - 1, full, full + 1, 2*full + 5, 1 << 20} {
			plaintext := bytes.Repeat([]byte("0123456789a"), size/11+1)[:size]
			header, sealed := sealFile(t, recipient, plaintext)
			if want := (size/16 + 1) * blockText; len(sealed) != want {
				t.Errorf("%s: %d bytes became %d characters, want %d", name, size, len(sealed), want)
			}
			for reader, src := range map[string]io.Reader{
				"whole": bytes.NewReader(sealed), "halves": iotest.HalfReader(bytes.NewReader(sealed)),
			} {
				var got bytes.Buffer
				err := identity.OpenFile("enc:"+header+" a name.txt", src, &got)
				if err != nil || !bytes.Equal(got.Bytes(), plaintext) {
					t.Errorf("%s, %d bytes, %s: got %d, %v", name, size, reader, got.Len(), err)
				}
			}
		}
	}
}

func TestFileRefused(t *testing.T) {
	recipient, identity := readPair(t, "p256")
	header, sealed := sealFile(t, recipient, []byte("twenty bytes of text"))
	_, other := readPair(t, "p384")
	rsaRecipient, rsaIdentity := readPair(t, "rsa2048")
	rsaHeader, rsaSealed := sealFile(t, rsaRecipient, []byte("value"))
	damaged := rsaHeader[1:40] + rsaHeader[:1] + rsaHeader[40:]
	text := string(sealed)
	for name, c := range map[string]struct {
		identity *Identity
		header   string
		text     string
		class    error
	}{
		"empty":           {identity, header, "", crypto.ErrMalformed},
		"newline":         {identity, header, text + "\n", crypto.ErrMalformed},
		"cut off":         {identity, header, text[:30], crypto.ErrMalformed},
		"blocks together": {identity, header, strings.ReplaceAll(text, "==", ""), crypto.ErrMalformed},
		"no base64":       {identity, header, "*" + text[1:], crypto.ErrMalformed},
		"block missing":   {identity, header, text[:24], crypto.ErrDamaged},
		"header cut":      {identity, strings.Fields(header)[0], text, crypto.ErrMalformed},
		"header garbled":  {identity, "*" + header, text, crypto.ErrMalformed},
		"no header":       {identity, "", text, crypto.ErrMalformed},
		"other curve":     {other, header, text, crypto.ErrNoMatch},
		"RSA key":         {rsaIdentity, header, text, crypto.ErrNoMatch},
		"RSA damaged":     {rsaIdentity, damaged, string(rsaSealed), crypto.ErrNoMatch},
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			wantClass(t, c.identity.OpenFile(c.header, strings.NewReader(c.text), &got), c.class)
		})
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestFileErrorsPassThrough: an error of reader or writer comes back as it is.
func TestFileErrorsPassThrough(t *testing.T) {
	recipient, identity := readPair(t, "p256")
	header, sealed := sealFile(t, recipient, make([]byte, 100))
	broken := errors.New("broken")
	if _, err := recipient.SealFile(iotest.ErrReader(broken), io.Discard); !errors.Is(err, broken) {
		t.Errorf("seal, reader: %v", err)
	}
	if _, err := recipient.SealFile(bytes.NewReader(nil), failingWriter{broken}); !errors.Is(err, broken) {
		t.Errorf("seal, writer: %v", err)
	}
	if err := identity.OpenFile(header, iotest.ErrReader(broken), io.Discard); !errors.Is(err, broken) {
		t.Errorf("open, reader: %v", err)
	}
	if err := identity.OpenFile(header, bytes.NewReader(sealed), failingWriter{broken}); !errors.Is(err, broken) {
		t.Errorf("open, writer: %v", err)
	}
}

func FuzzOpenFile(f *testing.F) {
	vectors, _ := loadVectors(f)
	for _, v := range vectors {
		if v.Mode == "file" {
			f.Add(v.Header, readVectorFile(f, v.EncryptedFile))
		}
	}
	identity := readIdentity(f, "keys/p256.pk8", nil)
	f.Fuzz(func(t *testing.T, header string, data []byte) {
		var got bytes.Buffer
		err := identity.OpenFile(header, bytes.NewReader(data), &got)
		if err == nil && (got.Len()/16+1)*blockText != len(data) {
			t.Fatalf("%d characters opened to %d bytes", len(data), got.Len())
		}
	})
}

// TestAsFile: a sealed value in file mode is opened with its own header, and is what file
// mode would have written.
func TestAsFile(t *testing.T) {
	for _, size := range []int{0, 1, 15, 16, 17, 1000, 200_000} {
		recipient, identity := readPair(t, "p256")
		plain := bytes.Repeat([]byte("x"), size)
		envelope, err := recipient.Seal(plain)
		if err != nil {
			t.Fatal(err)
		}
		file, err := AsFile(envelope)
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Split(strings.TrimPrefix(string(envelope), "enc:"), " ")
		if len(file) != (size/16+1)*24 || !strings.HasPrefix(fields[2], string(file[:21])) {
			t.Errorf("%d bytes: the file has %d, or begins with something else than the value", size, len(file))
		}
		var opened bytes.Buffer
		if err := identity.OpenFile(fields[0]+" "+fields[1], bytes.NewReader(file), &opened); err != nil || !bytes.Equal(opened.Bytes(), plain) {
			t.Errorf("%d bytes: opened to %d, %v", size, opened.Len(), err)
		}
	}
	if _, err := AsFile([]byte("enc:AAAA")); !errors.Is(err, crypto.ErrMalformed) {
		t.Errorf("of nothing: %v", err)
	}
}
