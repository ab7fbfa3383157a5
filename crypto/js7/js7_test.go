package js7

import (
	"bytes"
	"crypto/aes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/cbc"
)

// pairs are the vectors' keys: certificate and private key of each kind.
var pairs = []string{"rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521", "k256"}

func readPair(t testing.TB, name string) (*Recipient, *Identity) {
	t.Helper()
	return readRecipient(t, "keys/"+name+".crt"), readIdentity(t, "keys/"+name+".pk8", nil)
}

func seal(t testing.TB, recipient *Recipient, plaintext []byte) []byte {
	t.Helper()
	sealed, err := recipient.Seal(plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestRoundTrip(t *testing.T) {
	for _, name := range pairs {
		t.Run(name, func(t *testing.T) {
			recipient, identity := readPair(t, name)
			for _, size := range []int{0, 1, 15, 16, 17, 31, 32, 4096} {
				plaintext := bytes.Repeat([]byte{0xa5}, size)
				sealed := seal(t, recipient, plaintext)
				if again := seal(t, recipient, plaintext); bytes.Equal(sealed, again) {
					t.Error("two envelopes of one plaintext are the same")
				}
				if !bytes.HasPrefix(sealed, []byte("enc:")) || bytes.ContainsAny(sealed, "\r\n") {
					t.Errorf("envelope of %d bytes has no prefix or a line break", size)
				}
				got, err := identity.Open(sealed)
				if err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("%d bytes: got %d, %v", size, len(got), err)
				}
			}
		})
	}
}

// TestSizes holds the wrapped keys to the sizes that the tool writes.
func TestSizes(t *testing.T) {
	for name, want := range map[string]int{
		"rsa2048": 344, "rsa3072": 512, "rsa4096": 684, "p256": 136, "k256": 136, "p384": 180, "p521": 228,
	} {
		recipient, _ := readPair(t, name)
		wrapped, _, _ := bytes.Cut(bytes.TrimPrefix(seal(t, recipient, nil), []byte("enc:")), []byte(" "))
		if len(wrapped) != want {
			t.Errorf("%s: wrapped key has %d characters, want %d", name, len(wrapped), want)
		}
	}
}

// TestLeadingZeros opens some hundred envelopes per curve, and more until a Z,
// X or Y with a zero in front came up, with arithmetic of its own on big
// integers, written out at full size: a side that drops the zeros would show.
func TestLeadingZeros(t *testing.T) {
	for _, c := range []struct {
		name  string
		curve elliptic.Curve
		count int
	}{
		{"p256", elliptic.P256(), 400},
		{"p384", elliptic.P384(), 200},
		{"p521", elliptic.P521(), 200},
		{"k256", secp256k1.S256(), 400}, //nolint:staticcheck // As below.
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			recipient, identity := readPair(t, c.name)
			scalar := scalarOf(readPrivate(t, "keys/"+c.name+".pk8", nil))
			size := (c.curve.Params().BitSize + 7) / 8
			zeros := 0
			for n := 0; n < c.count || zeros == 0; n++ {
				sealed := seal(t, recipient, []byte("value"))
				parsed, err := parseEnvelope(sealed)
				if err != nil {
					t.Fatal(err)
				}
				v, ct, tg, err := splitECIES(parsed.wrapped, 1+2*size)
				if err != nil {
					t.Fatal(err)
				}
				x, y := new(big.Int).SetBytes(v[1:1+size]), new(big.Int).SetBytes(v[1+size:])
				shared, _ := c.curve.ScalarMult(x, y, scalar) //nolint:staticcheck // A second opinion on crypto/ecdh.
				z := shared.FillBytes(make([]byte, size))
				if z[0] == 0 || v[1] == 0 || v[1+size] == 0 {
					zeros++
				}
				if _, err := openECIES(v, z, ct, tg); err != nil {
					t.Fatalf("big integers do not open it: %v", err)
				}
				if got, err := identity.Open(sealed); err != nil || string(got) != "value" {
					t.Fatalf("got %q, %v", got, err)
				}
			}
		})
	}
}

func scalarOf(private any) []byte {
	if key, ok := private.(*secp256k1.PrivateKey); ok {
		return key.Serialize()
	}
	data, err := private.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		panic(err)
	}
	return data
}

// TestLongerKeys opens what the tool does not write but reads.
func TestLongerKeys(t *testing.T) {
	for _, name := range []string{"rsa2048", "p256"} {
		recipient, identity := readPair(t, name)
		for _, size := range []int{16, 24, 32} {
			key, iv := bytes.Repeat([]byte{7}, size), bytes.Repeat([]byte{9}, aes.BlockSize)
			wrapped, err := recipient.wrap(key)
			if err != nil {
				t.Fatal(err)
			}
			ciphertext, err := cbc.Encrypt(key, iv, []byte("value"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := identity.Open(envelope{header{wrapped, iv}, ciphertext}.append(nil))
			if err != nil || string(got) != "value" {
				t.Errorf("%s, AES-%d: got %q, %v", name, 8*size, got, err)
			}
		}
	}
}

func TestMalformed(t *testing.T) {
	recipient, identity := readPair(t, "p256")
	good := string(seal(t, recipient, []byte("value")))
	fields := strings.Split(strings.TrimPrefix(good, "enc:"), " ")
	join := func(w, iv, ct string) string { return w + " " + iv + " " + ct }
	for name, value := range map[string]string{
		"empty":                 "",
		"prefix alone":          "enc:",
		"space after prefix":    "enc: " + good[4:],
		"prefix in capitals":    "ENC:" + good[4:],
		"prefix twice":          "enc:" + good,
		"two fields":            fields[0] + " " + fields[1],
		"four fields":           good + " x",
		"trailing space":        good + " ",
		"leading space":         " " + good,
		"two spaces":            strings.Replace(good, " ", "  ", 1),
		"tab":                   strings.Replace(good, " ", "\t", 1),
		"two newlines":          good + "\n\n",
		"CR alone":              good + "\r",
		"no padding":            strings.TrimRight(good, "="),
		"line break in a field": good[:20] + "\n" + good[20:],
		"url-safe alphabet":     join(fields[0], "-_"+fields[1][2:], fields[2]),
		"stray bits":            join(fields[0], fields[1][:21]+"B==", fields[2]),
		"short IV":              join(fields[0], base64.StdEncoding.EncodeToString(make([]byte, 15)), fields[2]),
		"empty IV":              join(fields[0], "", fields[2]),
		"wrapped key too long":  join(strings.Repeat("AAAA", 684), fields[1], fields[2]),
		"empty value":           join(fields[0], fields[1], ""),
		"part of a block":       join(fields[0], fields[1], base64.StdEncoding.EncodeToString(make([]byte, 17))),
	} {
		t.Run(name, func(t *testing.T) {
			plaintext, err := identity.Open([]byte(value))
			if plaintext != nil {
				t.Errorf("opened to %q", plaintext)
			}
			wantClass(t, err, crypto.ErrMalformed)
		})
	}
}

func TestWrongKey(t *testing.T) {
	for _, to := range pairs {
		recipient, _ := readPair(t, to)
		sealed := seal(t, recipient, []byte("value"))
		for _, with := range pairs {
			if with == to {
				continue
			}
			_, identity := readPair(t, with)
			plaintext, err := identity.Open(sealed)
			if plaintext != nil {
				t.Errorf("%s opened what is for %s", with, to)
			}
			wantClass(t, err, crypto.ErrNoMatch)
		}
	}
}

// TestRSAFailuresLookAlike: a wrapped key that does not decrypt, one that
// decrypts to a key of a wrong size and bad padding are one error; and none of
// them ever opens, though a random key gives good padding once in 256 times.
func TestRSAFailuresLookAlike(t *testing.T) {
	recipient, identity := readPair(t, "rsa2048")
	good, err := parseEnvelope(seal(t, recipient, []byte("value")))
	if err != nil {
		t.Fatal(err)
	}
	short, err := recipient.wrap(make([]byte, 15))
	if err != nil {
		t.Fatal(err)
	}
	badPadding := bytes.Clone(good.ciphertext)
	badPadding[15] ^= 0x80
	noise := make([]byte, len(good.wrapped))
	wantUnopened := func(name string, e envelope) {
		t.Helper()
		if plaintext, err := identity.Open(e.append(nil)); plaintext != nil || err != errUnopened { //nolint:errorlint // The very same.
			t.Fatalf("%s: got %q, %v", name, plaintext, err)
		}
	}
	wantUnopened("short key", envelope{header{short, good.iv}, good.ciphertext})
	wantUnopened("bad padding", envelope{header{good.wrapped, good.iv}, badPadding})
	for range 600 {
		_, _ = rand.Read(noise[1:])
		wantUnopened("noise", envelope{header{noise, good.iv}, good.ciphertext})
	}
}

// TestStandIn: what a key opens that stands for one that did not decrypt is not
// given away, be its padding right; the same of a file's last block.
func TestStandIn(t *testing.T) {
	key, iv := bytes.Repeat([]byte{7}, keySize), make([]byte, aes.BlockSize)
	ciphertext, err := cbc.Encrypt(key, iv, []byte("value"))
	if err != nil {
		t.Fatal(err)
	}
	for _, genuine := range []bool{true, false} {
		identity := &Identity{failure: errUnopened, unwrap: func([]byte) ([]byte, bool, error) {
			return bytes.Clone(key), genuine, nil
		}}
		head := header{[]byte("any"), iv}
		got, err := identity.Open(envelope{head, ciphertext}.append(nil))
		var file bytes.Buffer
		text := base64.StdEncoding.EncodeToString(ciphertext)
		errOfFile := identity.OpenFile(string(head.append(nil)), strings.NewReader(text), &file)
		if genuine && (err != nil || errOfFile != nil || string(got) != "value" || file.String() != "value") {
			t.Errorf("genuine: %q, %v; %q, %v", got, err, file.String(), errOfFile)
		}
		if !genuine && (err != errUnopened || errOfFile != errUnopened || got != nil || file.Len() > 0) { //nolint:errorlint // The very same.
			t.Errorf("not genuine: %q, %v; %q, %v", got, err, file.String(), errOfFile)
		}
	}
}

func TestKeysRefused(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		public, private any
		class           error
	}{
		"RSA-1024": {&short.PublicKey, short, crypto.ErrForbidden},
		"P-224":    {&p224.PublicKey, p224, crypto.ErrUnsupportedKey},
		"Ed25519":  {public, private, crypto.ErrUnsupportedKey},
		"nothing":  {nil, nil, crypto.ErrUnsupportedKey},
	} {
		t.Run(name, func(t *testing.T) {
			recipient, err := Format.Recipient(c.public)
			if recipient != nil {
				t.Error("made a recipient")
			}
			wantClass(t, err, c.class)
			identity, err := Format.Identity(c.private)
			if identity != nil {
				t.Error("made an identity")
			}
			wantClass(t, err, c.class)
		})
	}
}

// TestHybridPoint: 65 bytes that name the right point in the form that X9.62
// calls hybrid are another encoding of the same, and refused.
func TestHybridPoint(t *testing.T) {
	recipient, identity := readPair(t, "k256")
	e, err := parseEnvelope(seal(t, recipient, []byte("value")))
	if err != nil {
		t.Fatal(err)
	}
	e.wrapped[0] = 6 | e.wrapped[64]&1
	_, err = identity.Open(e.append(nil))
	wantClass(t, err, crypto.ErrDamaged)
}

// TestErrorsAreConstant: no text of an error depends on what was opened.
func TestErrorsAreConstant(t *testing.T) {
	recipient, identity := readPair(t, "p256")
	sealed := seal(t, recipient, []byte("canary"))
	seen := map[string]bool{}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := identity.Open(changed); err != nil {
			seen[err.Error()] = true
		}
	}
	known := map[string]bool{}
	for _, err := range []error{errPadding, errUnopened, errOtherKey, errMAC, errNoPoint, errNotFields} {
		known[err.Error()] = true
	}
	for text := range seen {
		if !known[text] {
			t.Errorf("error %q is none of the constant ones", text)
		}
	}
	if len(seen) < 3 {
		t.Errorf("only %d different errors came up", len(seen))
	}
}

func FuzzOpen(f *testing.F) {
	vectors, negative := loadVectors(f)
	for _, v := range append(vectors, negative...) {
		f.Add([]byte(v.Value))
	}
	identities := []*Identity{
		readIdentity(f, "keys/p256.pk8", nil), readIdentity(f, "keys/k256.pk8", nil), readIdentity(f, "keys/rsa2048.pk8", nil),
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := parseEnvelope(data)
		if err == nil {
			text := bytes.TrimPrefix(data, []byte("enc:"))
			text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
			if again := parsed.append(nil); !bytes.Equal(again, text) {
				t.Fatalf("written again %q becomes %q", text, again)
			}
		}
		for _, identity := range identities {
			if plaintext, err := identity.Open(data); err != nil && plaintext != nil {
				t.Fatalf("%d bytes and an error: %v", len(plaintext), err)
			}
		}
	})
}

func ExampleNewRecipient() {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	recipient, err := NewRecipient(&private.PublicKey)
	if err != nil {
		panic(err)
	}
	sealed, err := recipient.Seal([]byte("s3cr3t"))
	if err != nil {
		panic(err)
	}
	identity, err := NewIdentity(private)
	if err != nil {
		panic(err)
	}
	plaintext, err := identity.Open(sealed)
	fmt.Printf("%.4s... opens to %s, %v\n", sealed, plaintext, err)
	// Output: enc:... opens to s3cr3t, <nil>
}

// A file is sealed block by block; its header, two fields of an envelope, is
// kept beside it.
func ExampleRecipient_SealFile() {
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		panic(err)
	}
	recipient, err := NewRecipient(&private.PublicKey)
	if err != nil {
		panic(err)
	}
	var sealed, opened bytes.Buffer
	header, err := recipient.SealFile(strings.NewReader("what a file holds"), &sealed)
	if err != nil {
		panic(err)
	}
	identity, err := NewIdentity(private)
	if err != nil {
		panic(err)
	}
	characters := sealed.Len()
	err = identity.OpenFile(header, &sealed, &opened)
	fmt.Printf("%d characters open to %q, %v\n", characters, opened.String(), err)
	// Output: 48 characters open to "what a file holds", <nil>
}
