package jwe

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/strictjson"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

func TestRoundTrip(t *testing.T) {
	for _, name := range kinds {
		t.Run(name, func(t *testing.T) {
			p := readPair(t, name)
			for _, size := range []int{0, 1, 15, 16, 1000, 1 << 20} {
				plaintext := strings.Repeat("secret \x00\xff", size/9+1)[:size]
				sealed := seal(t, p.recipient, plaintext)
				for _, form := range []string{"compact", "json"} {
					written := write(t, form, sealed)
					wantOpen(t, p.identity, written, plaintext)
					if !Format.Detect(written) || !Format.Detect(written[:min(len(written), 64<<10)]) {
						t.Errorf("%s of %d bytes is not detected", form, size)
					}
					if back := write(t, "compact", written); !bytes.Equal(back, sealed) {
						t.Errorf("%s of %d bytes does not come back from %s", form, size, form)
					}
				}
			}
			if bytes.Equal(seal(t, p.recipient, "value"), seal(t, p.recipient, "value")) {
				t.Error("two envelopes are the same")
			}
		})
	}
}

// headerOf returns the protected header.
func headerOf(t testing.TB, sealed []byte) string {
	t.Helper()
	text, _, _ := bytes.Cut(sealed, []byte("."))
	header, err := strictjson.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(header)
}

func TestHeader(t *testing.T) {
	for name, want := range map[string]object{
		"rsa2048": {"alg": "RSA-OAEP-256", "enc": "A256GCM"},
		"p256":    {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "epk": object{"kty": "EC", "crv": "P-256", "x": 43, "y": 43}},
		"p521":    {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "epk": object{"kty": "EC", "crv": "P-521", "x": 88, "y": 88}},
		"x25519":  {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "epk": object{"kty": "OKP", "crv": "X25519", "x": 43}},
	} {
		p := readPair(t, name)
		id, err := keys.ID(p.public)
		if err != nil {
			t.Fatal(err)
		}
		want["kid"] = id
		if p.recipient.KeyID() != id || p.identity.KeyID() != id {
			t.Errorf("%s: IDs are %s and %s, want %s", name, p.recipient.KeyID(), p.identity.KeyID(), id)
		}
		var got object
		if err := json.Unmarshal([]byte(headerOf(t, seal(t, p.recipient, "value"))), &got); err != nil {
			t.Fatal(err)
		}
		if epk, found := got["epk"].(object); found {
			for _, name := range []string{"x", "y"} {
				if text, found := epk[name].(string); found {
					epk[name] = len(text)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: header (-want +got):\n%s", name, diff)
		}
	}
}

func TestCertificate(t *testing.T) {
	for _, name := range []string{"rsa2048", "p256", "p384", "p521"} {
		certificate := readCertificate(t, name)
		r, err := Format.Recipient(certificate)
		if err != nil {
			t.Fatal(err)
		}
		sealed := seal(t, r, "value")
		sum := sha256.Sum256(certificate.Raw)
		if want := `"x5t#S256":"` + b64(sum[:]) + `"`; !strings.Contains(headerOf(t, sealed), want) {
			t.Errorf("%s: header %s has not %s", name, headerOf(t, sealed), want)
		}
		p := readPair(t, name)
		wantOpen(t, p.identity, sealed, "value")
		if r.KeyID() != p.recipient.KeyID() {
			t.Errorf("%s: certificate has ID %s, its key %s", name, r.KeyID(), p.recipient.KeyID())
		}
	}
}

func TestSealTo(t *testing.T) {
	var all []crypto.Recipient
	for _, name := range kinds {
		all = append(all, readPair(t, name).recipient)
	}
	sealed, err := Format.SealTo([]byte("value"), all...)
	if err != nil {
		t.Fatal(err)
	}
	if !Format.Detect(sealed) || !bytes.HasPrefix(sealed, []byte(`{"protected":"`)) {
		t.Errorf("envelope begins with %.40q", sealed)
	}
	if again := write(t, "json", sealed); !bytes.Equal(again, sealed) {
		t.Errorf("json is not written as it is sealed:\n%s\n%s", sealed, again)
	}
	for _, name := range kinds {
		wantOpen(t, readPair(t, name).identity, sealed, "value")
	}
	wantRefused(t, makePair(t, readPrivate(t, "x25519")).identity, sealed, crypto.ErrNoMatch)
	_, err = Format.Forms[0].Write(sealed)
	wantClass(t, err, crypto.ErrMalformed)

	p := readPair(t, "p256")
	one, err := Format.SealTo([]byte("value"), p.recipient)
	if err != nil || bytes.Count(one, []byte(".")) != 4 {
		t.Errorf("for one recipient it is %.40q, %v", one, err)
	}
	wantOpen(t, p.identity, one, "value")
	_, err = Format.SealTo(nil)
	wantClass(t, err, crypto.ErrUnsupportedKey)
	_, err = Format.SealTo(nil, p.recipient, foreign{})
	wantClass(t, err, crypto.ErrUnsupportedKey)
	_, err = Format.SealTo(nil, foreign{})
	wantClass(t, err, crypto.ErrUnsupportedKey)
	most := make([]crypto.Recipient, maxRecipients+1)
	for i := range most {
		most[i] = p.recipient
	}
	_, err = Format.SealTo(nil, most...)
	wantClass(t, err, crypto.ErrForbidden)
	sealed, err = Format.SealTo([]byte("value"), most[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	wantOpen(t, p.identity, sealed, "value")
}

// foreign is a recipient of another format.
type foreign struct{ crypto.Recipient }

func TestKeysRefused(t *testing.T) {
	short := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2046), E: 65537}}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signing, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k256, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		public, private any
		class           error
	}{
		"RSA of 2047 bits": {&short.PublicKey, short, crypto.ErrForbidden},
		"P-224":            {&p224.PublicKey, p224, crypto.ErrUnsupportedKey},
		"secp256k1":        {k256.PubKey(), k256, crypto.ErrUnsupportedKey},
		"Ed25519":          {signing, signer, crypto.ErrUnsupportedKey},
		"nothing":          {nil, nil, crypto.ErrUnsupportedKey},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Format.Recipient(c.public)
			if r != nil {
				t.Error("a recipient was made")
			}
			wantClass(t, err, c.class)
			i, err := Format.Identity(c.private)
			if i != nil {
				t.Error("an identity was made")
			}
			wantClass(t, err, c.class)
		})
	}
}

// TestLowOrder: sealing to a point that makes every secret zero fails.
func TestLowOrder(t *testing.T) {
	theirs, err := ecdh.X25519().NewPublicKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Format.Recipient(theirs)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := r.Seal([]byte("value"))
	if sealed != nil {
		t.Error("it was sealed to")
	}
	wantClass(t, err, crypto.ErrForbidden)
}

func TestDetect(t *testing.T) {
	p := readPair(t, "p256")
	sealed := seal(t, p.recipient, "value")
	for name, c := range map[string]struct {
		data string
		want bool
	}{
		"compact":             {string(sealed), true},
		"beginning":           {string(sealed[:bytes.IndexByte(sealed, '.')+1]), true},
		"newline":             {string(sealed) + "\n", true},
		"json":                {string(write(t, "json", sealed)), true},
		"json, spaced":        {" \n{ \"ciphertext\" : \"AA\"}", true},
		"empty":               {"", false},
		"text":                {"a value. and more", false},
		"JWS":                 {b64([]byte(`{"alg":"EdDSA"}`)) + ".AA.AA", false},
		"JWS, json":           {`{"protected":"e30","payload":"AA","signature":"AA"}`, false},
		"JWK":                 {`{"kty":"EC"}`, false},
		"no JSON in the head": {b64([]byte("enc")) + ".AA.AA.AA.AA", false},
		"no base64":           {"*.AA.AA.AA.AA", false},
		"endless head":        {strings.Repeat("A", 64<<10) + ".", false},
	} {
		if got := Format.Detect([]byte(c.data)); got != c.want {
			t.Errorf("%s: detected is %v", name, got)
		}
	}
}
