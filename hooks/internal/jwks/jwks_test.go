package jwks_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/internal/jwks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const payload = `{"iss":"https://issuer.example","sub":"sender"}`

// private are the keys of the issuer, by key ID.
var private = sync.OnceValue(func() map[string]crypto.Signer {
	must := func(key crypto.Signer, err error) crypto.Signer {
		if err != nil {
			panic(err)
		}
		return key
	}
	ec := func(curve elliptic.Curve) crypto.Signer { return must(ecdsa.GenerateKey(curve, rand.Reader)) }
	_, ed, err := ed25519.GenerateKey(nil)
	return map[string]crypto.Signer{
		"rsa": must(rsa.GenerateKey(rand.Reader, 2048)), "weak": must(rsa.GenerateKey(rand.Reader, 1024)),
		"p256": ec(elliptic.P256()), "p384": ec(elliptic.P384()), "p521": ec(elliptic.P521()), "ed": must(ed, err),
	}
})

// public is the JWK of a key.
func public(id string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: private()[id].Public(), KeyID: id}
}

func document(t testing.TB, keys ...any) []byte {
	t.Helper()
	doc, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func open(t testing.TB, keys ...any) *jwks.Keys {
	t.Helper()
	opened, err := jwks.Open(jwks.Source{Document: document(t, keys...)})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// sign makes a token of the payload; id goes into the header unless it is empty.
func sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, id string, header map[jose.HeaderKey]any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: header}
	if id != "" {
		options = options.WithHeader("kid", id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestVerify(t *testing.T) {
	keys := open(t, public("rsa"), public("p256"), public("p384"), public("p521"), public("ed"))
	for algorithm, id := range map[jose.SignatureAlgorithm]string{
		jose.RS256: "rsa", jose.RS384: "rsa", jose.RS512: "rsa", jose.PS256: "rsa", jose.PS384: "rsa", jose.PS512: "rsa",
		jose.ES256: "p256", jose.ES384: "p384", jose.ES512: "p521", jose.EdDSA: "ed",
	} {
		token, err := keys.Verify(sign(t, algorithm, private()[id], id, map[jose.HeaderKey]any{"typ": "JWT"}))
		if err != nil || token.Type != "JWT" || string(token.Payload) != payload {
			t.Errorf("%s: %+v, %v", algorithm, token, err)
		}
	}
	if _, err := open(t, public("ed")).Verify(sign(t, jose.EdDSA, private()["ed"], "", nil)); err != nil {
		t.Errorf("no key ID for the only key: %v", err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	const (
		form      = "not authenticated: the token is not a JWS in compact serialization of at most 16384 bytes"
		algorithm = "not authenticated: the token is no JWS, or signed with an algorithm that is not accepted; RS, PS, ES 256 to 512 and EdDSA are"
		key       = "not authenticated: no key of the issuer has signed the token: check the issuer and its keys"
	)
	rs256 := public("rsa")
	rs256.KeyID, rs256.Algorithm = "rs256", "RS256"
	keys := open(t, public("rsa"), public("p256"), public("ed"), rs256)
	good := sign(t, jose.EdDSA, private()["ed"], "ed", nil)
	parts := strings.Split(good, ".")
	embedded := &jose.SignerOptions{EmbedJWK: true}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private()["p384"], KeyID: "ed"}}, embedded)
	if err == nil {
		t.Fatal("a P-384 key signs EdDSA", signer)
	}
	_, other, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: other, KeyID: "ed"}}, embedded)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	withKey, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	// {"alg":"none","kid":"ed"}
	none := "eyJhbGciOiJub25lIiwia2lkIjoiZWQifQ." + parts[1] + "."
	for _, test := range []struct{ name, token, want string }{
		{"empty", "", form},
		{"two parts", parts[0] + "." + parts[1], form},
		{"four parts", good + ".", form},
		{"padding", good + "=", form},
		{"line break", good + "\n", form},
		{"loose bits", parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-1] + "_", form},
		{"JSON serialization", signed.FullSerialize(), form},
		{"too long", strings.Repeat("A", 16<<10) + good, form},
		{"none", none, algorithm},
		{"HS256 with the public key", sign(t, jose.HS256, []byte(private()["ed"].Public().(ed25519.PublicKey)), "ed", nil), algorithm},
		{"unknown critical header", sign(t, jose.EdDSA, private()["ed"], "ed", map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}), key},
		{"key in the header", withKey, key},
		{"unknown key ID", sign(t, jose.EdDSA, private()["ed"], "ed2", nil), key},
		{"no key ID", sign(t, jose.EdDSA, private()["ed"], "", nil), key},
		{"other key's ID", sign(t, jose.EdDSA, private()["ed"], "rsa", nil), key},
		{"PS256 with a key for RS256", sign(t, jose.PS256, private()["rsa"], "rs256", nil), key},
		{"other key", sign(t, jose.EdDSA, other, "ed", nil), key},
	} {
		t.Run(test.name, func(t *testing.T) {
			token, err := keys.Verify(test.token)
			if err == nil || err.Error() != test.want || !errors.Is(err, hooks.ErrUnauthenticated) || token.Payload != nil {
				t.Errorf("%+v, %v; want %s", token, err, test.want)
			}
		})
	}
}

// TestEveryBitFlip flips each bit of a token. Every one is refused.
func TestEveryBitFlip(t *testing.T) {
	keys := open(t, public("rsa"), public("p256"), public("ed"))
	for algorithm, id := range map[jose.SignatureAlgorithm]string{jose.RS256: "rsa", jose.ES256: "p256", jose.EdDSA: "ed"} {
		token := sign(t, algorithm, private()[id], id, nil)
		if _, err := keys.Verify(token); err != nil {
			t.Fatal(err)
		}
		for bit := range len(token) * 8 {
			flipped := []byte(token)
			flipped[bit/8] ^= 1 << (bit % 8)
			if _, err := keys.Verify(string(flipped)); !errors.Is(err, hooks.ErrUnauthenticated) {
				t.Errorf("%s with bit %d flipped: %v", algorithm, bit, err)
			}
		}
		t.Logf("%s: %d flips, all refused", algorithm, len(token)*8)
	}
}

// TestSetLeavesOut: keys that nothing here verifies with do not count, and do
// not keep the others from counting.
func TestSetLeavesOut(t *testing.T) {
	encrypts, unknownUse := public("rsa"), public("p256")
	encrypts.Use, encrypts.KeyID = "enc", "ed"
	unknownUse.Algorithm, unknownUse.KeyID = "HS256", "ed"
	others := []any{
		encrypts, unknownUse, public("weak"),
		jose.JSONWebKey{Key: private()["ed"], KeyID: "ed"},
		jose.JSONWebKey{Key: []byte("a shared secret"), KeyID: "ed"},
		map[string]any{"kty": "AKP", "kid": "ed"}, map[string]any{}, "text", 1,
	}
	token := sign(t, jose.EdDSA, private()["ed"], "ed", nil)
	if _, err := open(t, append(others, public("ed"))...).Verify(token); err != nil {
		t.Error(err)
	}
	for _, other := range others {
		if _, err := jwks.Open(jwks.Source{Document: document(t, other)}); err == nil {
			t.Errorf("%T is a usable key", other)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	good := document(t, public("ed"))
	many := make([]any, 101)
	for i := range many {
		many[i] = public("ed")
	}
	const remote = "https://issuer.example/keys"
	for _, test := range []struct {
		name   string
		source jwks.Source
		want   string
	}{
		{"nothing", jwks.Source{}, "set exactly one of jwks_file and jwks_url"},
		{"both", jwks.Source{Document: good, URL: remote}, "set exactly one of jwks_file and jwks_url"},
		{"pin of a file", jwks.Source{Document: good, Pin: "sha256:"}, "go with jwks_url only"},
		{"CA of a file", jwks.Source{Document: good, CA: []byte{}}, "go with jwks_url only"},
		{"not JSON", jwks.Source{Document: []byte("-----BEGIN")}, "jwks_file: not the JSON"},
		{"one key", jwks.Source{Document: []byte(`{"kty":"OKP"}`)}, "jwks_file: JWK Set has no public key"},
		{"too many", jwks.Source{Document: document(t, many...)}, "more than 100 keys"},
		{"too large", jwks.Source{Document: make([]byte, 256<<10+1)}, "more than 262144 bytes"},
		{"http", jwks.Source{URL: "http://issuer.example/keys"}, "jwks_url is not an https URL"},
		{"no host", jwks.Source{URL: "https:///keys"}, "jwks_url is not an https URL"},
		{"user", jwks.Source{URL: "https://me@issuer.example/keys"}, "jwks_url is not an https URL"},
		{"no CA", jwks.Source{URL: remote, CA: []byte("text")}, "jwks_ca_file has no PEM certificate"},
		{"no pin", jwks.Source{URL: remote, Pin: "sha1:00"}, "jwks_pin is not sha256:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := jwks.Open(test.source); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}

// FuzzVerify: what is accepted is the text that the key signed, in its payload.
func FuzzVerify(f *testing.F) {
	keys := open(f, public("ed"), public("p256"))
	good := sign(f, jose.EdDSA, private()["ed"], "ed", nil)
	f.Add(good)
	f.Add(sign(f, jose.ES256, private()["p256"], "p256", map[jose.HeaderKey]any{"b64": false, "crit": []string{"b64"}}))
	f.Add(good + "=")
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := keys.Verify(text)
		if err == nil && string(token.Payload) != payload {
			t.Fatalf("%q is accepted", text)
		}
		if err != nil && (!errors.Is(err, hooks.ErrUnauthenticated) || token.Payload != nil) {
			t.Fatalf("refused with %v and %+v", err, token)
		}
	})
}

// FuzzSet: a set that is read has keys, and one that is refused gives none.
func FuzzSet(f *testing.F) {
	f.Add(document(f, public("ed"), public("rsa")))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"}]}`))
	f.Add([]byte(`{"keys":[{}],"keys":null}`))
	token := sign(f, jose.EdDSA, private()["ed"], "ed", nil)
	f.Fuzz(func(t *testing.T, doc []byte) {
		keys, err := jwks.Open(jwks.Source{Document: doc})
		if (keys == nil) == (err == nil) {
			t.Fatalf("%v and %v", keys, err)
		}
		if err == nil {
			if got, err := keys.Verify(token); err == nil && string(got.Payload) != payload {
				t.Fatalf("payload is %q", got.Payload)
			}
		}
	})
}
