package jwe

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// joseKinds are the keys that the other implementation takes: it has no X25519.
var joseKinds = []string{"rsa2048", "p256", "p384", "p521"}

var (
	joseAlgorithms = []jose.KeyAlgorithm{jose.RSA_OAEP_256, jose.ECDH_ES_A256KW}
	joseContents   = []jose.ContentEncryption{jose.A256GCM}
)

func joseAlgorithm(name string) jose.KeyAlgorithm {
	if strings.HasPrefix(name, "rsa") {
		return jose.RSA_OAEP_256
	}
	return jose.ECDH_ES_A256KW
}

// TestJoseOpens has the other implementation open ours, in both forms.
func TestJoseOpens(t *testing.T) {
	for _, name := range joseKinds {
		p := readPair(t, name)
		for _, size := range []int{0, 1, 15, 16, 17, 1 << 20} {
			plaintext := strings.Repeat("s", size)
			sealed := seal(t, p.recipient, plaintext)
			for form, parse := range map[string]func(string, []jose.KeyAlgorithm, []jose.ContentEncryption) (*jose.JSONWebEncryption, error){
				"compact": jose.ParseEncryptedCompact, "json": jose.ParseEncryptedJSON,
			} {
				parsed, err := parse(string(write(t, form, sealed)), joseAlgorithms, joseContents)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := parsed.Decrypt(p.private); err != nil || string(got) != plaintext {
					t.Errorf("%s, %s, %d bytes: it opened %d, %v", name, form, size, len(got), err)
				}
			}
		}
	}
}

func TestJoseOpensSeveral(t *testing.T) {
	var recipients []crypto.Recipient
	for _, name := range joseKinds {
		recipients = append(recipients, readPair(t, name).recipient)
	}
	sealed, err := Format.SealTo([]byte("value"), recipients...)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseEncryptedJSON(string(sealed), joseAlgorithms, joseContents)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range joseKinds {
		at, header, got, err := parsed.DecryptMulti(readPair(t, name).private)
		if err != nil || string(got) != "value" || at != i || header.KeyID != recipients[i].KeyID() {
			t.Errorf("%s: it opened recipient %d (kid %s) to %q, %v", name, at, header.KeyID, got, err)
		}
	}
}

// joseSeal is what the other implementation makes.
func joseSeal(t testing.TB, enc jose.ContentEncryption, recipient jose.Recipient, options *jose.EncrypterOptions) *jose.JSONWebEncryption {
	t.Helper()
	encrypter, err := jose.NewEncrypter(enc, recipient, options)
	if err != nil {
		t.Fatal(err)
	}
	made, err := encrypter.Encrypt([]byte("value"))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestOpensJose opens what the other implementation makes, in both forms.
func TestOpensJose(t *testing.T) {
	for _, name := range joseKinds {
		p := readPair(t, name)
		for _, kid := range []string{"", "another name", p.recipient.KeyID()} {
			options := (&jose.EncrypterOptions{}).WithContentType("text/plain").WithType("JOSE").WithHeader("unknown", []string{"of any kind"})
			made := joseSeal(t, jose.A256GCM, jose.Recipient{Algorithm: joseAlgorithm(name), Key: p.public, KeyID: kid}, options)
			compact, err := made.CompactSerialize()
			if err != nil {
				t.Fatal(err)
			}
			for _, sealed := range []string{compact, compact + "\n", compact + "\r\n", made.FullSerialize()} {
				wantOpen(t, p.identity, []byte(sealed), "value")
				if got := write(t, "compact", []byte(sealed)); string(got) != compact {
					t.Errorf("%s: compact form is %s, want %s", name, got, compact)
				}
			}
		}
	}
}

// TestOpensJoseSeveral opens what it makes for several, with additional data.
func TestOpensJoseSeveral(t *testing.T) {
	var recipients []jose.Recipient
	for _, name := range joseKinds {
		recipients = append(recipients, jose.Recipient{Algorithm: joseAlgorithm(name), Key: readPair(t, name).public})
	}
	encrypter, err := jose.NewMultiEncrypter(jose.A256GCM, recipients, nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := encrypter.EncryptWithAuthData([]byte("value"), []byte("more that is authenticated"))
	if err != nil {
		t.Fatal(err)
	}
	sealed := []byte(made.FullSerialize())
	for _, name := range joseKinds {
		wantOpen(t, readPair(t, name).identity, sealed, "value")
		wantOpen(t, readPair(t, name).identity, write(t, "json", sealed), "value")
	}
	if bytes.Count(sealed, []byte(`"encrypted_key"`)) != len(joseKinds)+1 || bytes.Count(write(t, "json", sealed), []byte(`"encrypted_key"`)) != len(joseKinds) {
		t.Error("go-jose repeats no key any more, or we do")
	}
	wantRefused(t, readPair(t, "x25519").identity, sealed, crypto.ErrNoMatch)
	wantRefused(t, readPair(t, "p256").identity, bytes.Replace(sealed, []byte(`"aad":"`), []byte(`"aad":"AAAA`), 1), crypto.ErrDamaged)
}

// TestRefusesJose refuses what the other implementation makes with algorithms
// that are not on the list.
func TestRefusesJose(t *testing.T) {
	byRSA, byEC := readPair(t, "rsa2048"), readPair(t, "p256")
	secret := make([]byte, 32)
	for _, c := range []struct {
		alg jose.KeyAlgorithm
		enc jose.ContentEncryption
		key any
		zip jose.CompressionAlgorithm
	}{
		{jose.RSA1_5, jose.A256GCM, byRSA.public, jose.NONE}, //nolint:staticcheck // To be refused.
		{jose.RSA_OAEP, jose.A256GCM, byRSA.public, jose.NONE},
		{jose.RSA_OAEP_256, jose.A128GCM, byRSA.public, jose.NONE},
		{jose.RSA_OAEP_256, jose.A192GCM, byRSA.public, jose.NONE},
		{jose.RSA_OAEP_256, jose.A128CBC_HS256, byRSA.public, jose.NONE},
		{jose.RSA_OAEP_256, jose.A256CBC_HS512, byRSA.public, jose.NONE},
		{jose.RSA_OAEP_256, jose.A256GCM, byRSA.public, jose.DEFLATE},
		{jose.ECDH_ES, jose.A256GCM, byEC.public, jose.NONE},
		{jose.ECDH_ES_A128KW, jose.A256GCM, byEC.public, jose.NONE},
		{jose.ECDH_ES_A192KW, jose.A256GCM, byEC.public, jose.NONE},
		{jose.ECDH_ES_A256KW, jose.A128GCM, byEC.public, jose.NONE},
		{jose.ECDH_ES_A256KW, jose.A256GCM, byEC.public, jose.DEFLATE},
		{jose.A256KW, jose.A256GCM, secret, jose.NONE},
		{jose.A256GCMKW, jose.A256GCM, secret, jose.NONE},
		{jose.DIRECT, jose.A256GCM, secret, jose.NONE},
		{jose.PBES2_HS256_A128KW, jose.A256GCM, secret, jose.NONE},
	} {
		made := joseSeal(t, c.enc, jose.Recipient{Algorithm: c.alg, Key: c.key}, &jose.EncrypterOptions{Compression: c.zip})
		compact, err := made.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		t.Run(string(c.alg)+" "+string(c.enc)+string(c.zip), func(t *testing.T) {
			for _, sealed := range []string{compact, made.FullSerialize()} {
				if !Format.Detect([]byte(sealed)) {
					t.Error("not detected")
				}
				wantRefused(t, byRSA.identity, []byte(sealed), crypto.ErrForbidden)
				wantRefused(t, byEC.identity, []byte(sealed), crypto.ErrForbidden)
			}
		})
	}
}

// joserfcScript seals or opens with joserfc for Python, a second other
// implementation, which has X25519.
const joserfcScript = `
import json, sys
from joserfc import jwe
from joserfc.jwk import import_key
ask = json.load(sys.stdin)
key = import_key(json.loads(ask["key"]))
algorithms = ["RSA-OAEP-256", "ECDH-ES+A256KW", "A256GCM"]
if "envelope" in ask:
    sys.stdout.buffer.write(jwe.decrypt_compact(ask["envelope"], key, algorithms=algorithms).plaintext)
else:
    header = {"alg": ask["alg"], "enc": "A256GCM"}
    print(jwe.encrypt_compact(header, ask["plaintext"].encode(), key, algorithms=algorithms))
`

func joserfc(t testing.TB, ask map[string]string) string {
	t.Helper()
	request, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "python3", "-c", joserfcScript)
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(request), &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("joserfc: %v: %s", err, stderr.Bytes())
	}
	return string(out)
}

// TestJoserfc goes both ways with each kind of key.
func TestJoserfc(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import joserfc").Run(); err != nil {
		t.Skip("joserfc for Python is not installed")
	}
	for _, name := range kinds {
		p := readPair(t, name)
		key := string(jwkOf(t, p.private))
		sealed := seal(t, p.recipient, "value")
		if got := joserfc(t, map[string]string{"key": key, "envelope": string(sealed)}); got != "value" {
			t.Errorf("%s: it opened %q", name, got)
		}
		made := joserfc(t, map[string]string{"key": key, "alg": string(joseAlgorithm(name)), "plaintext": "value"})
		wantOpen(t, p.identity, []byte(made), "value")
	}
}

// TestKeysRead: the keys that the tests write as JWK are those that the package
// keys reads.
func TestKeysRead(t *testing.T) {
	for _, name := range kinds {
		p := readPair(t, name)
		private, err := keys.ParsePrivate(jwkOf(t, p.private), nil)
		if err != nil {
			t.Fatal(err)
		}
		if x25519, ok := private.(*ecdh.PrivateKey); ok != (name == "x25519") {
			t.Errorf("%s is read as %T", name, x25519)
		}
		i, err := Format.Identity(private)
		if err != nil {
			t.Fatal(err)
		}
		wantOpen(t, i, seal(t, p.recipient, "value"), "value")
	}
}
