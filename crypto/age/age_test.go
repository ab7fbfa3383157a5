package age

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"filippo.io/age/plugin"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// kinds are the kinds of keys that the format takes, plugins apart.
var kinds = []string{"age", "age-pq", "ed25519", "rsa-2048"}

func newPair(t testing.TB, kind string) (crypto.Recipient, crypto.Identity) {
	t.Helper()
	private, text, err := keys.Generate(kind)
	if err != nil {
		t.Fatal(err)
	}
	public, err := keys.ParsePublic([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.ParsePrivate(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := Format.Recipient(public.Key)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := Format.Identity(key)
	if err != nil {
		t.Fatal(err)
	}
	if public.ID() != recipient.KeyID() || public.ID() != identity.KeyID() {
		t.Fatalf("IDs differ: key %s, recipient %s, identity %s", public.ID(), recipient.KeyID(), identity.KeyID())
	}
	return recipient, identity
}

// form returns the envelope in the form of that name.
func form(t testing.TB, name string, envelope []byte) []byte {
	t.Helper()
	for _, form := range Format.Forms {
		if form.Name == name {
			written, err := form.Write(envelope)
			if err != nil {
				t.Fatal(err)
			}
			return written
		}
	}
	t.Fatalf("there is no form %q", name)
	return nil
}

func seal(t testing.TB, recipient crypto.Recipient, plaintext []byte) []byte {
	t.Helper()
	sealed, err := recipient.Seal(plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func armored(t testing.TB, sealed []byte) []byte {
	t.Helper()
	var text bytes.Buffer
	w := armor.NewWriter(&text)
	if _, err := w.Write(sealed); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// wantClass checks that err is of this class, and of no other.
func wantClass(t testing.TB, err, want error) {
	t.Helper()
	for _, class := range []error{
		crypto.ErrNoMatch, crypto.ErrDamaged, crypto.ErrMalformed, crypto.ErrForbidden, crypto.ErrUnsupportedKey,
	} {
		if is := errors.Is(err, class); is != errors.Is(want, class) {
			t.Errorf("error %v is %q: %v; want class %q", err, class, is, want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, kind := range kinds {
		recipient, identity := newPair(t, kind)
		for _, size := range []int{0, 1, 100, chunk, chunk + 1, 3*chunk + 5} {
			plaintext := bytes.Repeat([]byte{0xa5}, size)
			sealed := seal(t, recipient, plaintext)
			if bytes.Equal(sealed, seal(t, recipient, plaintext)) {
				t.Error("two envelopes of one plaintext are the same")
			}
			for form, envelope := range map[string][]byte{"binary": sealed, "armored": armored(t, sealed)} {
				if !Format.Detect(envelope) {
					t.Errorf("%s: not detected", form)
				}
				if got, err := identity.Open(envelope); err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("%s, %d bytes, %s: got %d, %v", kind, size, form, len(got), err)
				}
			}
		}
	}
}

func TestRefused(t *testing.T) {
	recipient, identity := newPair(t, "age")
	_, other := newPair(t, "age")
	_, hybrid := newPair(t, "age-pq")
	sshRecipient, ssh := newPair(t, "ed25519")
	_, sshRSA := newPair(t, "rsa-2048")
	sshSealed := seal(t, sshRecipient, []byte("value"))
	sealed := seal(t, recipient, []byte("value"))
	flipped := func(i int) []byte {
		changed := bytes.Clone(sealed)
		changed[(i+len(changed))%len(changed)] ^= 1
		return changed
	}
	mac := bytes.Index(sealed, []byte("\n--- ")) + 5
	otherMAC := bytes.Clone(sealed) // Still base64: a flipped bit need not be.
	otherMAC[mac] = map[bool]byte{true: 'B', false: 'A'}[sealed[mac] == 'A']
	for name, c := range map[string]struct {
		identity crypto.Identity
		envelope []byte
		class    error
	}{
		"empty":             {identity, nil, crypto.ErrMalformed},
		"text":              {identity, []byte("enc:AA== BB== CC=="), crypto.ErrMalformed},
		"version":           {identity, bytes.Replace(sealed, []byte("/v1"), []byte("/v2"), 1), crypto.ErrMalformed},
		"header cut":        {identity, sealed[:mac-10], crypto.ErrMalformed},
		"other key":         {other, sealed, crypto.ErrNoMatch},
		"other kind":        {hybrid, sealed, crypto.ErrNoMatch},
		"SSH key":           {ssh, sealed, crypto.ErrNoMatch},
		"other SSH kind":    {sshRSA, sshSealed, crypto.ErrNoMatch},
		"for SSH":           {identity, sshSealed, crypto.ErrNoMatch},
		"SSH stanza short":  {ssh, cutStanza(sshSealed), crypto.ErrMalformed},
		"header only":       {identity, sealed[:len(sealed)-len("value")-32], crypto.ErrMalformed},
		"nonce cut":         {identity, sealed[:len(sealed)-len("value")-17], crypto.ErrMalformed},
		"header MAC":        {identity, otherMAC, crypto.ErrDamaged},
		"payload":           {identity, flipped(-1), crypto.ErrDamaged},
		"nonce":             {identity, flipped(-len("value") - 16 - 1), crypto.ErrDamaged},
		"payload cut":       {identity, sealed[:len(sealed)-1], crypto.ErrDamaged},
		"payload missing":   {identity, sealed[:len(sealed)-len("value")-16], crypto.ErrDamaged},
		"trailing byte":     {identity, append(bytes.Clone(sealed), 0), crypto.ErrDamaged},
		"trailing newline":  {identity, append(bytes.Clone(sealed), '\n'), crypto.ErrDamaged},
		"armor cut":         {identity, armored(t, sealed)[:60], crypto.ErrMalformed},
		"behind armor":      {identity, append(armored(t, sealed), "more"...), crypto.ErrMalformed},
		"armor of nonsense": {identity, armored(t, []byte("nonsense")), crypto.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			plaintext, err := c.identity.Open(c.envelope)
			if plaintext != nil {
				t.Errorf("opened to %q", plaintext)
			}
			wantClass(t, err, c.class)
		})
	}
}

// cutStanza removes the last argument of the only stanza.
func cutStanza(sealed []byte) []byte {
	lines := bytes.SplitN(sealed, []byte("\n"), 3)
	lines[1] = lines[1][:bytes.LastIndexByte(lines[1], ' ')]
	return bytes.Join(lines, []byte("\n"))
}

// TestEveryBit: no envelope that differs in a bit opens.
func TestEveryBit(t *testing.T) {
	recipient, identity := newPair(t, "age")
	sealed := seal(t, recipient, []byte("value"))
	for i := range 8 * len(sealed) {
		changed := bytes.Clone(sealed)
		changed[i/8] ^= 1 << (i % 8)
		if plaintext, err := identity.Open(changed); err == nil || plaintext != nil {
			t.Fatalf("with bit %d flipped it opens to %q, %v", i, plaintext, err)
		}
	}
}

func TestKeysRefused(t *testing.T) {
	passphrase, err := age.NewScryptIdentity("password")
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	byPlugin, err := plugin.NewIdentityWithoutData("none", &plugin.ClientUI{})
	if err != nil {
		t.Fatal(err)
	}
	notOnCurve := ed25519.PublicKey(bytes.Repeat([]byte{2}, ed25519.PublicKeySize))
	for name, c := range map[string]struct {
		public, private any
		class           error
	}{
		"nothing":            {nil, nil, crypto.ErrUnsupportedKey},
		"text":               {"age1", "AGE-SECRET-KEY-1", crypto.ErrUnsupportedKey},
		"passphrase":         {passphrase, passphrase, crypto.ErrUnsupportedKey},
		"RSA-1024":           {&short.PublicKey, short, crypto.ErrForbidden},
		"EC":                 {&ec.PublicKey, ec, crypto.ErrUnsupportedKey},
		"EC certificate":     {&x509.Certificate{PublicKey: &ec.PublicKey}, &x509.Certificate{}, crypto.ErrUnsupportedKey},
		"plugin's identity":  {byPlugin.Recipient(), byPlugin.Recipient(), crypto.ErrUnsupportedKey},
		"Ed25519 off curve":  {notOnCurve, notOnCurve, crypto.ErrUnsupportedKey},
		"Ed25519 of 5 bytes": {notOnCurve[:5], nil, crypto.ErrUnsupportedKey},
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

// TestLowOrder: a point to which no shared secret can be agreed is refused when
// it is sealed to.
func TestLowOrder(t *testing.T) {
	one := append([]byte{1}, make([]byte, ed25519.PublicKeySize-1)...) // The neutral element.
	recipient, err := Format.Recipient(ed25519.PublicKey(one))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := recipient.Seal([]byte("value"))
	if sealed != nil {
		t.Error("sealed")
	}
	wantClass(t, err, crypto.ErrForbidden)
}

// TestCertificate: a certificate stands for its key.
func TestCertificate(t *testing.T) {
	for _, kind := range []string{"rsa-2048", "ed25519"} {
		_, text, err := keys.Generate(kind)
		if err != nil {
			t.Fatal(err)
		}
		public, err := keys.ParsePublic([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		recipient, err := Format.Recipient(&x509.Certificate{PublicKey: public.Key})
		if err != nil || recipient.KeyID() != public.ID() {
			t.Errorf("%s: %v, %v", kind, recipient, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	recipient, identity := newPair(f, "age")
	hybridRecipient, hybrid := newPair(f, "age-pq")
	sshRecipient, ssh := newPair(f, "ed25519")
	for _, sealed := range [][]byte{
		seal(f, recipient, []byte("value")), seal(f, hybridRecipient, []byte("value")), seal(f, recipient, nil),
		seal(f, sshRecipient, []byte("value")),
	} {
		f.Add(sealed)
		f.Add(armored(f, sealed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, identity := range []crypto.Identity{identity, hybrid, ssh} {
			plaintext, err := identity.Open(data)
			if err != nil && plaintext != nil {
				t.Fatalf("%d bytes and an error: %v", len(plaintext), err)
			}
			if err == nil && !Format.Detect(bytes.TrimLeft(data, " \t\r\n")) {
				t.Fatal("it opens and is not detected")
			}
		}
	})
}

func Example() {
	key, err := age.GenerateHybridIdentity()
	if err != nil {
		panic(err)
	}
	recipient, err := Format.Recipient(key.Recipient())
	if err != nil {
		panic(err)
	}
	sealed, err := recipient.Seal([]byte("s3cr3t"))
	if err != nil {
		panic(err)
	}
	identity, err := Format.Identity(key)
	if err != nil {
		panic(err)
	}
	plaintext, err := identity.Open(sealed)
	fmt.Println(string(plaintext), err)
	// Output: s3cr3t <nil>
}

func BenchmarkSeal(b *testing.B) {
	for _, kind := range kinds {
		recipient, _ := newPair(b, kind)
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				seal(b, recipient, []byte("a password of usual size"))
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, kind := range kinds {
		recipient, identity := newPair(b, kind)
		sealed := seal(b, recipient, []byte("a password of usual size"))
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := identity.Open(sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPrimitive wraps a file key, without the file: the part of Seal that
// the public key costs.
func BenchmarkPrimitive(b *testing.B) {
	for _, kind := range kinds {
		made, _ := newPair(b, kind)
		key := made.(*recipient).key
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				if _, err := key.Wrap(make([]byte, 16)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
