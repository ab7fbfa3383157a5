package formats_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// TestMatrix seals to each kind of key in each format that takes it, and writes
// the envelope in each form: that is seen to be of its format and of no other,
// opens, and comes back. What a format does not take is refused on both sides.
func TestMatrix(t *testing.T) {
	pairs := newPairs(t)
	for _, format := range formats.All {
		for name, p := range pairs {
			t.Run(format.Name+" "+name, func(t *testing.T) {
				recipient, made, err := formats.RecipientFor(p.public, format.Name)
				if !slices.Contains(taken[format.Name], name) {
					if recipient != nil || !errors.Is(err, crypto.ErrUnsupportedKey) {
						t.Errorf("recipient is %v, %v", recipient, err)
					}
					if identity, err := format.Identity(p.private); identity != nil || !errors.Is(err, crypto.ErrUnsupportedKey) {
						t.Errorf("identity is %v, %v", identity, err)
					}
					return
				}
				if err != nil || made.Name != format.Name || recipient.KeyID() != p.public.ID() {
					t.Fatalf("made for %s, %v", made.Name, err)
				}
				envelope := sealed(t, recipient)
				checkForms(t, format, envelope, p.private)
				for other, q := range pairs {
					if q.public.ID() == p.public.ID() {
						continue
					}
					got, err := formats.Open(envelope, q.private)
					if got != nil || !errors.Is(err, crypto.ErrNoMatch) && !errors.Is(err, crypto.ErrUnsupportedKey) {
						t.Errorf("with %s it opens to %q, %v", other, got, err)
					}
				}
			})
		}
	}
}

func checkForms(t *testing.T, format crypto.Format, envelope []byte, private any) {
	t.Helper()
	for i, form := range format.Forms {
		written, err := form.Write(envelope)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 && !bytes.Equal(written, envelope) {
			t.Errorf("it is not sealed in the form %s", form.Name)
		}
		for _, other := range formats.All {
			if other.Detect(written) != (other.Name == format.Name) {
				t.Errorf("%s is detected as %s", form.Name, other.Name)
			}
		}
		if got, err := formats.Open(written, private); err != nil || string(got) != "value" {
			t.Errorf("%s opens to %q, %v", form.Name, got, err)
		}
		if back, err := format.Forms[0].Write(written); err != nil || !bytes.Equal(back, envelope) {
			t.Errorf("%s does not come back: %v", form.Name, err)
		}
	}
}

// TestTableTells: what the table says of each format is complete, and agrees
// with itself.
func TestTableTells(t *testing.T) {
	words := []string{"armor", "raw", "compact", "json", "enc", "bare"}
	for _, format := range formats.All {
		if len(format.Forms) == 0 || len(format.Algorithms) == 0 || format.Recipient == nil || format.Identity == nil || format.Detect == nil || format.Addressees == nil {
			t.Errorf("%s lacks something", format.Name)
		}
		for _, form := range format.Forms {
			if !slices.Contains(words, form.Name) {
				t.Errorf("%s has the form %q", format.Name, form.Name)
			}
			if out, err := form.Write([]byte("plain text")); out != nil || !errors.Is(err, crypto.ErrMalformed) {
				t.Errorf("%s writes plain text as %s: %q, %v", format.Name, form.Name, out, err)
			}
		}
		legacy := false
		for i, algorithm := range format.Algorithms {
			if algorithm.Name == "" || algorithm.Keys == "" || i == 0 && algorithm.OpenOnly || algorithm.PostQuantum && algorithm.Legacy {
				t.Errorf("%s: algorithm %+v", format.Name, algorithm)
			}
			if format.Legacy && !algorithm.Legacy || algorithm.Legacy && !format.Legacy && !algorithm.OpenOnly {
				t.Errorf("%s is legacy: %v; algorithm %+v", format.Name, format.Legacy, algorithm)
			}
			legacy = legacy || algorithm.Legacy
		}
		if legacy != (format.Legacy || format.LegacyEnvelope != nil) {
			t.Errorf("%s has legacy algorithms: %v, and does not tell which envelopes are", format.Name, legacy)
		}
		if format.SealTo != nil {
			if out, err := format.SealTo([]byte("value")); out != nil || !errors.Is(err, crypto.ErrUnsupportedKey) {
				t.Errorf("%s seals to nobody: %v", format.Name, err)
			}
		}
	}
}

func TestForAll(t *testing.T) {
	pairs := newPairs(t)
	for name, c := range map[string]struct {
		format string
		keys   []string
		want   string // empty for crypto.ErrUnsupportedKey
	}{
		"one":                     {"", []string{"p256"}, "js7"},
		"one, its default":        {"", []string{"x25519"}, "jwe"},
		"one that signs":          {"", []string{"ed25519"}, ""},
		"named":                   {"cms", []string{"p256", "age"}, "cms"},
		"default of one":          {"", []string{"p256", "rsa2048"}, "cms"},
		"age":                     {"", []string{"age", "ssh-ed25519", "ssh-rsa"}, "age"},
		"post-quantum":            {"", []string{"age-pq", "age-pq"}, "age"},
		"OpenPGP":                 {"", []string{"openpgp", "openpgp"}, "openpgp"},
		"JWK":                     {"", []string{"jwk-p256", "x25519"}, "jwe"},
		"JWK and certificate":     {"", []string{"jwk-p256", "rsa2048"}, "cms"},
		"X25519 and certificate":  {"", []string{"x25519", "p256"}, "jwe"},
		"certificate and X25519":  {"", []string{"p256", "x25519"}, "jwe"},
		"SSH RSA and certificate": {"", []string{"ssh-rsa", "p521"}, "cms"},
		"secp256k1 and P-256":     {"", []string{"k256", "p256"}, "cms"},
		"secp256k1 and X25519":    {"", []string{"k256", "x25519"}, ""},
		"age and certificate":     {"", []string{"age", "p256"}, ""},
		"OpenPGP and age":         {"", []string{"openpgp", "age"}, ""},
		"signing keys":            {"", []string{"ed25519", "ed25519"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var publics []*keys.Public
			for _, key := range c.keys {
				publics = append(publics, pairs[key].public)
			}
			format, err := formats.ForAll(publics, c.format)
			if format.Name != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, crypto.ErrUnsupportedKey) {
				t.Fatalf("got %q, %v; want %q", format.Name, err, c.want)
			}
			if err != nil || c.format != "" || format.SealTo == nil {
				return
			}
			var recipients []crypto.Recipient
			for _, public := range publics {
				recipient, _, err := formats.RecipientFor(public, format.Name)
				if err != nil {
					t.Fatal(err)
				}
				recipients = append(recipients, recipient)
			}
			envelope, err := format.SealTo([]byte("value"), recipients...)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range c.keys {
				if got, err := formats.Open(envelope, pairs[key].private); err != nil || string(got) != "value" {
					t.Errorf("%s opens it to %q, %v", key, got, err)
				}
			}
		})
	}
	if _, err := formats.ForAll([]*keys.Public{pairs["p256"].public}, "zip"); err == nil {
		t.Error("there is a format zip")
	}
}

// TestOpenRanks: of several failures the one that says most is returned,
// whatever their order.
func TestOpenRanks(t *testing.T) {
	pairs := newPairs(t)
	recipient, format, err := formats.RecipientFor(pairs["p256"].public, "cms")
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := format.Forms[1].Write(sealed(t, recipient))
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(envelope)
	damaged[len(damaged)-1] ^= 1
	for name, c := range map[string]struct {
		envelope []byte
		keys     []string
		class    error // nil if it opens
	}{
		"the right one":        {envelope, []string{"p256"}, nil},
		"the right one last":   {envelope, []string{"age", "p384", "p256"}, nil},
		"no key":               {envelope, nil, crypto.ErrNoMatch},
		"unsupported":          {envelope, []string{"age", "openpgp"}, crypto.ErrUnsupportedKey},
		"no match":             {envelope, []string{"p384", "rsa2048"}, crypto.ErrNoMatch},
		"no match first":       {envelope, []string{"p384", "age"}, crypto.ErrNoMatch},
		"no match last":        {envelope, []string{"age", "p384"}, crypto.ErrNoMatch},
		"damaged first":        {damaged, []string{"p256", "p384", "age"}, crypto.ErrDamaged},
		"damaged last":         {damaged, []string{"age", "p384", "p256"}, crypto.ErrDamaged},
		"damaged, for another": {damaged, []string{"p384", "age"}, crypto.ErrNoMatch},
		"malformed":            {envelope[:20], []string{"age", "p256"}, crypto.ErrMalformed},
		"of no format":         {[]byte("value"), []string{"age", "p256"}, crypto.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			var privates []any
			for _, key := range c.keys {
				privates = append(privates, pairs[key].private)
			}
			got, err := formats.Open(c.envelope, privates...)
			if !errors.Is(err, c.class) || (err == nil) != (string(got) == "value") || err != nil && got != nil {
				t.Errorf("got %q, %v; want class %v", got, err, c.class)
			}
		})
	}
}

func TestRefuseLegacy(t *testing.T) {
	pairs := newPairs(t)
	for _, format := range formats.All {
		for _, name := range taken[format.Name] {
			recipient, _, err := formats.RecipientFor(pairs[name].public, format.Name)
			if err != nil {
				t.Fatal(err)
			}
			err = formats.RefuseLegacy(sealed(t, recipient))
			if refused := errors.Is(err, crypto.ErrForbidden); refused != format.Legacy || refused != (err != nil) {
				t.Errorf("%s for %s: %v", format.Name, name, err)
			}
		}
	}
	// What "openssl cms -encrypt" makes of "value", the second with -aes-256-cbc.
	for file, name := range map[string]string{"rsa2048-pkcs1-gcm.pem": "rsa2048", "p256-cbc.pem": "p256"} {
		envelope, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := formats.Open(envelope, pairs[name].private); err != nil || string(got) != "value" {
			t.Errorf("%s opens to %q, %v", file, got, err)
		}
		if err := formats.RefuseLegacy(envelope); !errors.Is(err, crypto.ErrForbidden) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := formats.RefuseLegacy([]byte("plain text")); err != nil {
		t.Errorf("plain text: %v", err)
	}
}
