package js7

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

const vectorFolder = "../../testdata/js7"

type vector struct {
	ID, Mode, PublicKey, PrivateKey string
	KeyPassword                     *string
	PlaintextHexUTF8                string
	Value, EncryptedKey             string
	Intermediates                   map[string]string
	PlainFile, EncryptedFile        string
	Header                          string
	Name, ToolStdout                string
}

func loadVectors(t testing.TB) (vectors, negative []vector) {
	t.Helper()
	var index struct{ Vectors, Negative []vector }
	if err := json.Unmarshal(readVectorFile(t, "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Vectors) != 20 || len(index.Negative) != 7 {
		t.Fatalf("index.json has %d vectors and %d negative ones, want 20 and 7", len(index.Vectors), len(index.Negative))
	}
	return index.Vectors, index.Negative
}

func readVectorFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectorFolder, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readPrivate(t testing.TB, name string, password *string) any {
	t.Helper()
	var secret []byte
	if password != nil {
		secret = []byte(*password)
	}
	key, err := keys.ParsePrivate(readVectorFile(t, name), secret)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return key
}

func readIdentity(t testing.TB, name string, password *string) *Identity {
	t.Helper()
	identity, err := NewIdentity(readPrivate(t, name, password))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return identity
}

func readRecipient(t testing.TB, name string) *Recipient {
	t.Helper()
	public, err := keys.ParsePublic(readVectorFile(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	recipient, err := NewRecipient(public.Key)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return recipient
}

func readCertificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(readVectorFile(t, "keys/"+name+".crt"))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// wantClass checks that err is of this class, and of no other.
func wantClass(t testing.TB, err, want error) {
	t.Helper()
	for _, class := range []error{
		crypto.ErrNoMatch, crypto.ErrDamaged, crypto.ErrMalformed, crypto.ErrForbidden, crypto.ErrUnsupportedKey,
	} {
		if is := errors.Is(err, class); is != errors.Is(want, class) {
			t.Errorf("error %q is %q: %v; want class %q", err, class, is, want)
		}
	}
}

func TestVectorsOpen(t *testing.T) {
	vectors, _ := loadVectors(t)
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			identity := readIdentity(t, v.PrivateKey, v.KeyPassword)
			if id := readRecipient(t, v.PublicKey).KeyID(); id != identity.KeyID() {
				t.Errorf("recipient has ID %s, identity %s", id, identity.KeyID())
			}
			if v.Mode == "file" {
				openFileVector(t, identity, v)
				return
			}
			want, err := hex.DecodeString(v.PlaintextHexUTF8)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]string{
				"as it is":     v.Value,
				"without enc:": strings.TrimPrefix(v.Value, "enc:"),
				"with LF":      v.Value + "\n",
				"with CRLF":    v.Value + "\r\n",
			} {
				if got, err := identity.Open([]byte(value)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
				}
			}
			if !Format.Detect([]byte(v.Value)) {
				t.Error("not detected")
			}
		})
	}
}

func openFileVector(t *testing.T, identity *Identity, v vector) {
	sealed, want := readVectorFile(t, v.EncryptedFile), readVectorFile(t, v.PlainFile)
	for _, header := range []string{v.Header, "enc:" + v.Header} {
		var got bytes.Buffer
		if err := identity.OpenFile(header, bytes.NewReader(sealed), &got); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("got %d bytes, %v; want %d", got.Len(), err, len(want))
		}
	}
}

func TestVectorsRefused(t *testing.T) {
	_, negative := loadVectors(t)
	classes := map[string]error{
		"ECIES MAC flipped":        crypto.ErrNoMatch,
		"ECIES ciphertext flipped": crypto.ErrNoMatch,
		"V not on curve":           crypto.ErrDamaged,
		"last value byte flipped":  crypto.ErrDamaged,
		"wrong key":                crypto.ErrNoMatch,
		"wrong algorithm key":      crypto.ErrNoMatch,
	}
	for _, v := range negative {
		t.Run(v.Name, func(t *testing.T) {
			plaintext, err := readIdentity(t, v.PrivateKey, nil).Open([]byte(v.Value))
			if v.Name == "IV bit flipped (NOT detected)" {
				// Nothing covers the IV, so the same bit of the plaintext is
				// flipped: the statement's digest is what notices.
				if want := strings.TrimSuffix(v.ToolStdout, "\n"); err != nil || string(plaintext) != want {
					t.Errorf("got %q, %v; want %q", plaintext, err, want)
				}
				return
			}
			class, known := classes[v.Name]
			if !known || plaintext != nil {
				t.Fatalf("got %q; class known: %v", plaintext, known)
			}
			wantClass(t, err, class)
		})
	}
}

// TestVectorIntermediates follows the tool's own steps through ECIES.
func TestVectorIntermediates(t *testing.T) {
	vectors, _ := loadVectors(t)
	checked := 0
	for _, v := range vectors {
		if v.Intermediates == nil {
			continue
		}
		checked++
		t.Run(v.ID, func(t *testing.T) {
			want := map[string][]byte{}
			for name, text := range v.Intermediates {
				value, err := hex.DecodeString(text)
				if err != nil {
					t.Fatal(err)
				}
				want[name] = value
			}
			private := readPrivate(t, v.PrivateKey, v.KeyPassword).(*ecdsa.PrivateKey)
			ours, err := private.ECDH()
			if err != nil {
				t.Fatal(err)
			}
			wrapped, err := base64.StdEncoding.DecodeString(v.EncryptedKey)
			if err != nil {
				t.Fatal(err)
			}
			vBytes, c, tagBytes, err := splitECIES(wrapped, len(want["V"]))
			if err != nil {
				t.Fatal(err)
			}
			z := agree(t, ours, vBytes)
			macKey, keystream := splitKeys(vBytes, z, len(c))
			key, err := openECIES(vBytes, z, c, tagBytes)
			if err != nil {
				t.Fatal(err)
			}
			for name, got := range map[string][]byte{
				"V": vBytes, "C": c, "T": tagBytes, "Z": z,
				"kdfOutput":   kdf2(vBytes, z, macKeySize+len(c)),
				"macKey":      macKey,
				"keystream":   keystream,
				"macComputed": tag(macKey, c),
				"aesKey":      key,
			} {
				if len(want[name]) == 0 || !bytes.Equal(got, want[name]) {
					t.Errorf("%s is %x, want %x", name, got, want[name])
				}
			}
			if got := sealECIES(vBytes, z, key); !bytes.Equal(got, wrapped) {
				t.Errorf("sealed again it is %x, want %x", got, wrapped)
			}
		})
	}
	if checked == 0 {
		t.Fatal("no vector has intermediates")
	}
}

func agree(t *testing.T, ours *ecdh.PrivateKey, v []byte) []byte {
	t.Helper()
	theirs, err := ours.Curve().NewPublicKey(v)
	if err != nil {
		t.Fatal(err)
	}
	z, err := ours.ECDH(theirs)
	if err != nil {
		t.Fatal(err)
	}
	return z
}
