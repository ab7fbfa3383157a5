package formats_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

func newKey(t testing.TB, kind string) (*keys.Public, any) {
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
	return public, key
}

// TestTable holds each format to what the table promises of it.
func TestTable(t *testing.T) {
	names, extensions := map[string]bool{}, map[string]bool{}
	for _, format := range formats.All {
		if format.Name == "" || names[format.Name] || !strings.HasPrefix(format.Extension, ".") || extensions[format.Extension] {
			t.Errorf("name %q or extension %q is empty or taken", format.Name, format.Extension)
		}
		names[format.Name], extensions[format.Extension] = true, true
		if found, err := formats.ByName(format.Name); err != nil || found.Name != format.Name {
			t.Errorf("%s: found %q, %v", format.Name, found.Name, err)
		}
	}
	_, err := formats.ByName("zip")
	if err == nil || !strings.Contains(err.Error(), "age, openpgp, jwe, cms, js7") {
		t.Errorf("error of an unknown name is %v", err)
	}
}

// TestEveryKind seals to each kind of key in its default format, finds the
// format by looking, and opens.
func TestEveryKind(t *testing.T) {
	for _, kind := range keys.Kinds {
		if kind == "ed25519" || kind == "rsa-3072" || kind == "rsa-4096" {
			continue // The first signs only; the others take long to make and are as rsa-2048.
		}
		t.Run(kind, func(t *testing.T) {
			public, private := newKey(t, kind)
			recipient, format, err := formats.RecipientFor(public, "")
			if err != nil {
				t.Fatal(err)
			}
			if recipient.KeyID() != public.ID() || format.Name != public.DefaultFormat() {
				t.Errorf("recipient has ID %s in %s", recipient.KeyID(), format.Name)
			}
			sealed, err := recipient.Seal([]byte("value"))
			if err != nil {
				t.Fatal(err)
			}
			identity, found, err := formats.IdentityFor(private, sealed)
			if err != nil || found.Name != format.Name {
				t.Fatalf("found to be %q, %v", found.Name, err)
			}
			if got, err := identity.Open(sealed); err != nil || string(got) != "value" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	if format, ok := formats.Detect([]byte("plain text")); ok {
		t.Errorf("plain text is detected as %s", format.Name)
	}
}

func TestRecipientForRefuses(t *testing.T) {
	ageKey, _ := newKey(t, "age")
	ecKey, _ := newKey(t, "ec-p256")
	signing, _ := newKey(t, "ed25519")
	for name, c := range map[string]struct {
		public *keys.Public
		format string
		class  error
	}{
		"age key in js7":  {ageKey, "js7", crypto.ErrUnsupportedKey},
		"EC key in age":   {ecKey, "age", crypto.ErrUnsupportedKey},
		"signing key":     {signing, "", crypto.ErrUnsupportedKey},
		"signing in js7":  {signing, "js7", crypto.ErrUnsupportedKey},
		"unknown format":  {ecKey, "zip", nil},
		"format's casing": {ecKey, "JS7", nil},
	} {
		t.Run(name, func(t *testing.T) {
			recipient, _, err := formats.RecipientFor(c.public, c.format)
			if recipient != nil || err == nil {
				t.Fatalf("got %v, %v", recipient, err)
			}
			if c.class != nil && !errors.Is(err, c.class) {
				t.Errorf("error is %v, want class %q", err, c.class)
			}
		})
	}
}

func TestIdentityForRefuses(t *testing.T) {
	_, ageKey := newKey(t, "age")
	_, ecKey := newKey(t, "ec-p256")
	for name, c := range map[string]struct {
		private  any
		envelope string
		class    error
	}{
		"no envelope":     {ageKey, "plain text", crypto.ErrMalformed},
		"empty":           {ecKey, "", crypto.ErrMalformed},
		"EC key for age":  {ecKey, "age-encryption.org/v1\n", crypto.ErrUnsupportedKey},
		"no key for age":  {nil, "age-encryption.org/v1\n", crypto.ErrUnsupportedKey},
		"age key for js7": {ageKey, "enc:AAAA AAAAAAAAAAAAAAAAAAAAAA== AAAAAAAAAAAAAAAAAAAAAA==", crypto.ErrUnsupportedKey},
	} {
		t.Run(name, func(t *testing.T) {
			identity, _, err := formats.IdentityFor(c.private, []byte(c.envelope))
			if identity != nil || !errors.Is(err, c.class) {
				t.Errorf("got %v, %v; want class %q", identity, err, c.class)
			}
		})
	}
}

func Example() {
	_, text, err := keys.Generate("ec-p256")
	if err != nil {
		panic(err)
	}
	public, err := keys.ParsePublic([]byte(text))
	if err != nil {
		panic(err)
	}
	recipient, format, err := formats.RecipientFor(public, "")
	if err != nil {
		panic(err)
	}
	sealed, err := recipient.Seal([]byte("s3cr3t"))
	if err != nil {
		panic(err)
	}
	found, _ := formats.Detect(sealed)
	fmt.Println(public.Kind(), format.Name, format.Extension, found.Name)
	// Output: EC P-256 js7 .js7 js7
}
