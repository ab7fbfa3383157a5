package keys

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/pem"
	"strings"
	"testing"
	"time"
)

const newPassword = "n€w pä ss" // openssl takes no newline, gpg and keytool no more than this

// TestNewEncrypted makes each kind that PKCS#8 holds with a password, and has
// openssl open it and find the same public key.
func TestNewEncrypted(t *testing.T) {
	for kind := range generators {
		if kind == "rsa-3072" || kind == "rsa-4096" {
			continue // They take long to make, and are as rsa-2048.
		}
		t.Run(kind, func(t *testing.T) {
			pair, err := New(kind, NewOptions{Password: []byte(newPassword)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParsePrivates(pair.Private, Options{})
			wantClass(t, err, ErrPassword)
			_, err = ParsePrivates(pair.Private, Options{Password: []byte("wrong")})
			wantClass(t, err, ErrPassword)
			privates, err := ParsePrivates(pair.Private, Options{Password: []byte(newPassword)})
			if err != nil {
				t.Fatal(err)
			}
			wantSameKeys(t, privates, pair.Keys)
			wantWrittenSchemes(t, pair.Private)
			public := []byte(pair.Public)
			for block, rest := pem.Decode(pair.Private); block != nil; block, rest = pem.Decode(rest) {
				var next *pem.Block
				next, public = pem.Decode(public)
				out := openssl(t, pem.EncodeToMemory(block), "pkey", "-passin", "pass:"+newPassword, "-pubout")
				if got, want := mustPublic(t, out).ID(), mustPublic(t, pem.EncodeToMemory(next)).ID(); got != want {
					t.Errorf("openssl finds key %s, want %s", got, want)
				}
			}
		})
	}
}

func wantSameKeys(t *testing.T, got, want []any) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d keys, want %d", len(got), len(want))
	}
	for i := range got {
		gotID, gotErr := privateKeyID(got[i])
		wantID, wantErr := privateKeyID(want[i])
		if gotErr != nil || wantErr != nil || gotID != wantID {
			t.Errorf("key %d is %s, want %s; %v, %v", i, gotID, wantID, gotErr, wantErr)
		}
	}
}

// wantWrittenSchemes checks with which schemes a key is encrypted.
func wantWrittenSchemes(t *testing.T, private []byte) {
	t.Helper()
	block, _ := pem.Decode(private)
	text := string(openssl(t, block.Bytes, "asn1parse", "-inform", "DER"))
	for _, want := range []string{":PBES2", ":PBKDF2", ":0927C0", ":hmacWithSHA256", ":aes-256-cbc"} { // 600,000 rounds
		if !strings.Contains(text, want) {
			t.Errorf("the encrypted key has no %s:\n%s", want, text)
		}
	}
}

// TestPair looks at the two keys of one file.
func TestPair(t *testing.T) {
	pair, err := New("ed25519-x25519", NewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, signs := pair.Keys[0].(ed25519.PrivateKey); !signs || len(pair.Keys) != 2 {
		t.Fatalf("keys are %T", pair.Keys)
	}
	opens, err := ParsePrivate(pair.Private, nil)
	if _, ok := opens.(*ecdh.PrivateKey); !ok || err != nil {
		t.Errorf("the key that opens is a %T, %v", opens, err)
	}
	signing, err := ParseSigning(pair.Private)
	if err != nil {
		t.Fatal(err)
	}
	verifying, err := ParseVerifying([]byte(pair.Public))
	if err != nil || !verifying.Equal(signing.Public()) {
		t.Errorf("the verifying key does not belong to the signing key: %v", err)
	}
	if public := mustPublic(t, []byte(pair.Public)); public.Kind() != "X25519" || public.DefaultFormat() != "jwe" {
		t.Errorf("sealed to is %s in %q", public.Kind(), public.DefaultFormat())
	}
	twice := append(bytes.Clone(pair.Private), pair.Private...)
	_, err = ParseSigning(twice)
	wantClass(t, err, ErrUnsupported)
	_, err = ParsePrivate(twice, nil)
	wantClass(t, err, ErrMalformed)
}

func TestNewRefused(t *testing.T) {
	for name, c := range map[string]struct {
		kind    string
		options NewOptions
		class   error
	}{
		"unknown kind":               {"rsa-1024", NewOptions{}, ErrUnsupported},
		"empty password":             {"ec-p256", NewOptions{Password: []byte{}}, ErrUnsupported},
		"empty password, OpenPGP":    {"openpgp", NewOptions{Password: []byte{}}, ErrUnsupported},
		"age identity with password": {"age", NewOptions{Password: []byte("x")}, ErrUnsupported},
		"age-pq with password":       {"age-pq", NewOptions{Password: []byte("x")}, ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := New(c.kind, c.options)
			if pair != nil {
				t.Error("a key was made")
			}
			wantClass(t, err, c.class)
		})
	}
	for name, options := range map[string]NewOptions{
		"two brackets":      {UserID: "agent <a@b> <c@d>"},
		"no closing":        {UserID: "agent <a@b"},
		"line break":        {UserID: "agent\nsecond"},
		"negative validity": {Validity: -time.Hour},
		"endless validity":  {Validity: 200 * 366 * 24 * time.Hour},
		"short validity":    {Validity: time.Millisecond},
	} {
		if pair, err := New("openpgp", options); err == nil || pair != nil {
			t.Errorf("%s: %v, %v", name, pair, err)
		}
	}
}

// TestNewOpenPGP has gpg import what was made, seal to it and open.
func TestNewOpenPGP(t *testing.T) {
	folder := t.TempDir()
	pair, err := New("openpgp", NewOptions{UserID: "agent one <one@example.org>", Validity: 48 * time.Hour, Password: []byte(newPassword)})
	if err != nil {
		t.Fatal(err)
	}
	put(t, folder, "public", []byte(pair.Public))
	put(t, folder, "private", pair.Private)
	put(t, folder, "password", []byte(newPassword))
	gpg(t, folder, nil, "--passphrase-file", "password", "--import", "private")
	listed := string(gpg(t, folder, nil, "--with-colons", "--list-secret-keys"))
	if !strings.Contains(listed, "agent one <one@example.org>") {
		t.Errorf("gpg lists\n%s", listed)
	}
	sealed := gpg(t, folder, []byte("value"), "--trust-model", "always", "-r", "one@example.org", "--encrypt")
	if got := gpg(t, folder, sealed, "--passphrase-file", "password", "--decrypt"); string(got) != "value" {
		t.Errorf("gpg opens %q", got)
	}
	public := mustPublic(t, []byte(pair.Public))
	if left := time.Until(public.NotAfter); left < 47*time.Hour || left > 48*time.Hour {
		t.Errorf("valid until %s", public.NotAfter)
	}
}

func TestNewOpenPGPPasswords(t *testing.T) {
	for _, kind := range []string{"openpgp", "openpgp-v6"} {
		pair, err := New(kind, NewOptions{Password: []byte(newPassword)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParsePrivates(pair.Private, Options{})
		wantClass(t, err, ErrPassword)
		_, err = ParsePrivates(pair.Private, Options{Password: []byte("wrong")})
		wantClass(t, err, ErrPassword)
		if id := opened(t, pair.Private, Options{Password: []byte(newPassword)}); id != mustPublic(t, []byte(pair.Public)).ID() {
			t.Errorf("%s: private key has ID %s", kind, id)
		}
		if public := mustPublic(t, []byte(pair.Public)); !public.NotAfter.IsZero() || public.DefaultFormat() != "openpgp" {
			t.Errorf("%s: valid until %s, format %q", kind, public.NotAfter, public.DefaultFormat())
		}
	}
}
