package cms

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

func TestRoundTrip(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recipients := map[string]crypto.Recipient{"bare": bare(t, name)}
			if name != "k256" { // The standard library does not parse its certificate.
				recipients["certified"] = certified(t, name)
			}
			identity := readIdentity(t, name)
			for kind, recipient := range recipients {
				if recipient.KeyID() != identity.KeyID() {
					t.Errorf("%s: IDs are %s and %s", kind, recipient.KeyID(), identity.KeyID())
				}
				for _, size := range []int{0, 1, 15, 16, 17, 1 << 20} {
					plaintext := random(t, size)
					envelope := sealed(t, plaintext, recipient)
					if bytes.Equal(envelope, sealed(t, plaintext, recipient)) {
						t.Error("two envelopes of one plaintext are the same")
					}
					wantForms(t, identity, envelope, plaintext)
				}
			}
		})
	}
}

// wantForms checks that an armored envelope opens in each of its forms, and
// comes back from each.
func wantForms(t *testing.T, identity crypto.Identity, envelope []byte, plaintext string) {
	t.Helper()
	for _, form := range []string{"armor", "raw"} {
		other := written(t, form, envelope)
		wantOpen(t, identity, other, plaintext)
		if !Format.Detect(other) || !Format.Detect(other[:min(len(other), 64<<10)]) {
			t.Errorf("%s of %d bytes is not detected", form, len(plaintext))
		}
		if Format.LegacyEnvelope(other) {
			t.Errorf("%s is legacy", form)
		}
		if back := written(t, "armor", other); !bytes.Equal(back, envelope) {
			t.Errorf("armor of %d bytes does not come back from %s", len(plaintext), form)
		}
		if !bytes.Equal(written(t, form, other), other) {
			t.Errorf("%s of %d bytes is not its own form", form, len(plaintext))
		}
	}
}

func TestSealToRefuses(t *testing.T) {
	one := bare(t, "p256")
	most := make([]crypto.Recipient, maxKeys+1)
	for i := range most {
		most[i] = one
	}
	for name, c := range map[string]struct {
		recipients []crypto.Recipient
		class      error
	}{
		"nobody":        {nil, crypto.ErrUnsupportedKey},
		"other format":  {[]crypto.Recipient{one, stranger{}}, crypto.ErrUnsupportedKey},
		"1001 of them":  {most, crypto.ErrForbidden},
		"stranger only": {[]crypto.Recipient{stranger{}}, crypto.ErrUnsupportedKey},
	} {
		t.Run(name, func(t *testing.T) {
			envelope, err := Format.SealTo([]byte("value"), c.recipients...)
			if envelope != nil {
				t.Error("sealed")
			}
			wantClass(t, err, c.class)
		})
	}
	wantOpen(t, readIdentity(t, "p256"), sealed(t, "value", most[1:]...), "value")
}

// stranger is a recipient of another format.
type stranger struct{ crypto.Recipient }

func (stranger) KeyID() string { return "id" }

func TestKeysRefused(t *testing.T) {
	short := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2046), E: 65537}}
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
		"RSA of 2047 bits": {&short.PublicKey, short, crypto.ErrForbidden},
		"its certificate":  {&x509.Certificate{PublicKey: &short.PublicKey}, short, crypto.ErrForbidden},
		"P-224":            {&p224.PublicKey, p224, crypto.ErrUnsupportedKey},
		"Ed25519":          {public, private, crypto.ErrUnsupportedKey},
		"a private key":    {short, &short.PublicKey, crypto.ErrUnsupportedKey},
		"nothing":          {nil, nil, crypto.ErrUnsupportedKey},
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

// TestCertificateNamesKey: a certificate stands for its key, whose ID it has.
func TestCertificateNamesKey(t *testing.T) {
	for _, name := range []string{"rsa2048", "p384"} {
		public, err := keys.ParsePublic(readKey(t, name+".crt"))
		if err != nil {
			t.Fatal(err)
		}
		if got := certified(t, name).KeyID(); got != public.ID() {
			t.Errorf("%s: ID is %s, want %s", name, got, public.ID())
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	recipient, identity := bare(t, "p256"), readIdentity(t, "p256")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			envelope, err := recipient.Seal([]byte("value"))
			if err != nil {
				t.Error(err)
				return
			}
			wantOpen(t, identity, envelope, "value")
		})
	}
	group.Wait()
}

func TestDetect(t *testing.T) {
	armored := sealed(t, "value", bare(t, "p256"))
	raw := written(t, "raw", armored)
	encode := func(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
	for name, c := range map[string]struct {
		data string
		want bool
	}{
		"armor":            {string(armored), true},
		"armor, beginning": {string(armored[:60]), true},
		"raw":              {string(raw), true},
		"raw, beginning":   {string(raw[:20]), true},
		"CRLF":             {strings.ReplaceAll(string(armored), "\n", "\r\n"), true},
		"older label":      {strings.ReplaceAll(string(armored), " CMS-", " PKCS7-"), true},
		"empty":            {"", false},
		"tag alone":        {"\x30", false},
		"length alone":     {"\x30\x84", false},
		"certificate":      {string(readKey(t, "p256.crt")), false},
		"SignedData":       {"-----BEGIN CMS-----\n" + encode([]byte("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")), false},
		"armor, no base64": {"-----BEGIN CMS-----\n****", false},
		"label alone":      {"-----BEGIN CMS-----", false},
		"text":             {"0 is a digit", false},
		"js7":              {"enc:AAAA AAAAAAAAAAAAAAAAAAAAAA== AAAA", false},
	} {
		if got := Format.Detect([]byte(c.data)); got != c.want {
			t.Errorf("%s: detected is %v", name, got)
		}
	}
}
