package jwe

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// pair is both sides of one key.
type pair struct {
	recipient *recipient
	identity  *identity
	private   any
	public    any
}

// kinds are a key of each kind that the format takes.
var kinds = []string{"rsa2048", "p256", "p384", "p521", "x25519"}

// pairs reads each key once: parsing RSA keys takes its time.
var pairs = struct {
	sync.Mutex
	made map[string]pair
}{made: map[string]pair{}}

func readPair(t testing.TB, name string) pair {
	t.Helper()
	pairs.Lock()
	defer pairs.Unlock()
	made, found := pairs.made[name]
	if !found {
		made = makePair(t, readPrivate(t, name))
		pairs.made[name] = made
	}
	return made
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../testdata/js7/keys", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readPrivate(t testing.TB, name string) any {
	t.Helper()
	if name == "x25519" {
		key, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	key, err := keys.ParsePrivate(readFile(t, name+".pk8"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// generate makes a key of a kind in the words of the package keys.
func generate(t testing.TB, kind string) any {
	t.Helper()
	file, _, err := keys.Generate(kind)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.ParsePrivate(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func makePair(t testing.TB, private any) pair {
	t.Helper()
	public, err := keys.PublicOf(private)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Format.Recipient(public)
	if err != nil {
		t.Fatal(err)
	}
	i, err := Format.Identity(private)
	if err != nil {
		t.Fatal(err)
	}
	return pair{r.(*recipient), i.(*identity), private, public}
}

func readCertificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(readFile(t, name+".crt"))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func seal(t testing.TB, r crypto.Recipient, plaintext string) []byte {
	t.Helper()
	sealed, err := r.Seal([]byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// write returns the envelope in the form of that name.
func write(t testing.TB, form string, sealed []byte) []byte {
	t.Helper()
	for _, each := range Format.Forms {
		if each.Name == form {
			written, err := each.Write(sealed)
			if err != nil {
				t.Fatal(err)
			}
			return written
		}
	}
	t.Fatalf("no form %q", form)
	return nil
}

// wantOpen checks that the envelope opens to the plaintext.
func wantOpen(t testing.TB, i crypto.Identity, sealed []byte, plaintext string) {
	t.Helper()
	got, err := i.Open(sealed)
	if err != nil || string(got) != plaintext {
		t.Errorf("opened to %q, %v; want %q", got, err, plaintext)
	}
}

// wantRefused checks that opening fails with this class and no other.
func wantRefused(t testing.TB, i crypto.Identity, sealed []byte, class error) {
	t.Helper()
	got, err := i.Open(sealed)
	if got != nil || err == nil {
		t.Fatalf("opened to %q", got)
	}
	wantClass(t, err, class)
}

func wantClass(t testing.TB, err, want error) {
	t.Helper()
	for _, class := range []error{crypto.ErrNoMatch, crypto.ErrDamaged, crypto.ErrMalformed, crypto.ErrForbidden, crypto.ErrUnsupportedKey} {
		if is := errors.Is(err, class); is != errors.Is(want, class) {
			t.Errorf("error %v is %q: %v; want class %q", err, class, is, want)
		}
	}
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func decode(t testing.TB, text string) []byte {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// object is a JSON object of a test.
type object = map[string]any

// forge seals with a header that is changed at will: what the library makes of
// it, correct in all else.
func forge(t testing.TB, r *recipient, plaintext string, change func(header object)) []byte {
	t.Helper()
	cek := newKey()
	own, encryptedKey, err := r.seal(cek)
	if err != nil {
		t.Fatal(err)
	}
	own.Encryption = encGCM
	text, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	var header object
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(err)
	}
	change(header)
	if text, err = json.Marshal(header); err != nil {
		t.Fatal(err)
	}
	return encryptRaw(t, string(text), encryptedKey, cek, plaintext)
}

// encryptRaw is RFC 7516, section 5.1, with the header as it is given.
func encryptRaw(t testing.TB, header string, encryptedKey, cek []byte, plaintext string) []byte {
	t.Helper()
	block, err := aes.NewCipher(cek)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	iv := make([]byte, ivSize)
	_, _ = rand.Read(iv)
	protected := b64([]byte(header))
	sealed := gcm.Seal(nil, iv, []byte(plaintext), []byte(protected))
	end := len(sealed) - tagSize
	return []byte(protected + "." + b64(encryptedKey) + "." + b64(iv) + "." + b64(sealed[:end]) + "." + b64(sealed[end:]))
}

// jwkOf writes a private key as a JWK.
func jwkOf(t testing.TB, private any) []byte {
	t.Helper()
	if key, ok := private.(*ecdh.PrivateKey); ok {
		return []byte(`{"kty":"OKP","crv":"X25519","x":"` + b64(key.PublicKey().Bytes()) + `","d":"` + b64(key.Bytes()) + `"}`)
	}
	data, err := jose.JSONWebKey{Key: private}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
