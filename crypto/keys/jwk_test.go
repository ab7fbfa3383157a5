package keys

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/go-jose/go-jose/v4"
)

func base64URL(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// jwkOf writes a key, by go-jose where that knows its kind.
func jwkOf(t testing.TB, key any) []byte {
	t.Helper()
	var members map[string]string
	switch key := key.(type) {
	case *ecdh.PrivateKey:
		members = map[string]string{"kty": "OKP", "crv": "X25519", "x": base64URL(key.PublicKey().Bytes()), "d": base64URL(key.Bytes())}
	case *ecdh.PublicKey:
		members = map[string]string{"kty": "OKP", "crv": "X25519", "x": base64URL(key.Bytes())}
	case *secp256k1.PrivateKey:
		point := key.PubKey().SerializeUncompressed()
		members = map[string]string{"kty": "EC", "crv": "secp256k1", "x": base64URL(point[1:33]), "y": base64URL(point[33:]), "d": base64URL(key.Serialize())}
	case *secp256k1.PublicKey:
		point := key.SerializeUncompressed()
		members = map[string]string{"kty": "EC", "crv": "secp256k1", "x": base64URL(point[1:33]), "y": base64URL(point[33:])}
	default:
		data, err := (&jose.JSONWebKey{Key: key, KeyID: "agent"}).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	data, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// jwkKeys are private keys of each kind that a JWK holds.
func jwkKeys(t testing.TB) map[string]any {
	t.Helper()
	found := map[string]any{}
	for _, name := range []string{"rsa", "p256", "k256", "ed25519", "x25519"} {
		key, err := ParsePrivate(readFixture(t, name+".pem"), nil)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = key
	}
	for _, name := range []string{"p384", "p521"} {
		key, err := ParsePrivate(readKey(t, name+".pk8"), nil)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = key
	}
	return found
}

func TestJWKs(t *testing.T) {
	for name, key := range jwkKeys(t) {
		want, err := privateKeyID(key)
		if err != nil {
			t.Fatal(err)
		}
		half, err := PublicOf(key)
		if err != nil {
			t.Fatal(err)
		}
		private := jwkOf(t, key)
		if id := opened(t, private, Options{}); id != want {
			t.Errorf("%s: private JWK has ID %s, want %s", name, id, want)
		}
		set := slicesJoin(`{"keys":[`, string(private), `]}`)
		if id := opened(t, set, Options{}); id != want {
			t.Errorf("%s: private JWK Set has ID %s, want %s", name, id, want)
		}
		public := onePublic(t, jwkOf(t, half), Options{})
		if public.ID() != want || public.Container != JWK || (public.DefaultFormat() == "") != (name == "ed25519") {
			t.Errorf("%s: public JWK has ID %s, container %s, format %q", name, public.ID(), public.Container, public.DefaultFormat())
		}
		_, err = ParsePublics(private, Options{})
		wantClass(t, err, ErrPrivate)
		wantSilent(t, err, private)
		_, err = ParsePrivates(jwkOf(t, half), Options{})
		wantClass(t, err, ErrMalformed)
		entries, err := Inspect(private, Options{})
		if err != nil || len(entries) != 1 || !entries[0].Private || entries[0].Public.Container != JWK {
			t.Errorf("%s: %v, %v", name, entries, err)
		}
		wantJWKTruncated(t, private)
	}
}

func slicesJoin(parts ...string) []byte { return []byte(strings.Join(parts, "")) }

func wantJWKTruncated(t *testing.T, data []byte) {
	t.Helper()
	for n := range data {
		wantNoKeys(t, data[:n], Options{}, n)
	}
}

// TestJWKVectors are the keys of RFC 7517, appendix A.1, and RFC 8037, appendix
// A.1.
func TestJWKVectors(t *testing.T) {
	ec := `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}`
	key, ok := onePublic(t, []byte(ec), Options{}).Key.(*ecdsa.PublicKey)
	if !ok || key.Curve.Params().BitSize != 256 {
		t.Errorf("got %T", key)
	}
	okp := `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	private, err := ParsePrivate([]byte(okp), nil)
	if err != nil {
		t.Fatal(err)
	}
	if half := private.(ed25519.PrivateKey).Public().(ed25519.PublicKey); base64URL(half) != "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" {
		t.Errorf("public half is %s", base64URL(half))
	}
}

// TestJWKSets takes from a set what can be used.
func TestJWKSets(t *testing.T) {
	keys := jwkKeys(t)
	public := func(name string) string {
		half, err := PublicOf(keys[name])
		if err != nil {
			t.Fatal(err)
		}
		return string(jwkOf(t, half))
	}
	unknown := `{"kty":"EC","crv":"P-999","x":"AA","y":"AA"}`
	signs := strings.Replace(public("p256"), "{", `{"use":"sig",`, 1)
	for name, c := range map[string]struct {
		keys  []string
		found int
		class error
	}{
		"one":                {[]string{public("p256")}, 1, nil},
		"two":                {[]string{public("p256"), public("rsa")}, 2, nil},
		"a signature key":    {[]string{public("ed25519")}, 1, nil},
		"and one beside it":  {[]string{public("ed25519"), public("x25519")}, 1, nil},
		"unknown curve":      {[]string{unknown, public("p384")}, 1, nil},
		"only unknown ones":  {[]string{unknown, unknown}, 0, ErrUnsupported},
		"for signatures":     {[]string{signs}, 0, ErrUnsupported},
		"private and public": {[]string{public("p256"), string(jwkOf(t, keys["p384"]))}, 0, ErrPrivate},
		"none":               {nil, 0, ErrMalformed},
		"damaged":            {[]string{public("p256"), `{"kty":"RSA"}`}, 0, ErrMalformed},
		"too many":           {slicesRepeat(public("x25519"), maxJWKs+1), 0, ErrMalformed},
	} {
		publics, err := ParsePublics(slicesJoin(`{"keys":[`, strings.Join(c.keys, ","), `]}`), Options{})
		if len(publics) != c.found {
			t.Errorf("%s: %d keys, want %d", name, len(publics), c.found)
		}
		wantClass(t, err, c.class)
	}
	privates, err := ParsePrivates(slicesJoin(`{"keys":[`, public("rsa"), ",", string(jwkOf(t, keys["p256"])), ",", string(jwkOf(t, keys["x25519"])), `]}`), Options{})
	if err != nil || len(privates) != 2 {
		t.Errorf("%d private keys, %v", len(privates), err)
	}
}

func slicesRepeat(text string, n int) []string {
	return strings.Split(strings.TrimSuffix(strings.Repeat(text+"\x00", n), "\x00"), "\x00")
}

// TestJWKRefused changes one member of a good key.
func TestJWKRefused(t *testing.T) {
	keys := jwkKeys(t)
	rsaKey := keys["rsa"].(*rsa.PrivateKey)
	zeros := base64URL(append([]byte{0}, rsaKey.N.Bytes()...))
	other := base64URL(new(big.Int).Add(rsaKey.D, big.NewInt(2)).Bytes())
	for _, c := range []struct {
		key, member string
		value       any // nil removes it
		class       error
	}{
		{"p256", "kty", nil, ErrMalformed},
		{"p256", "kty", "oct", ErrUnsupported},
		{"p256", "kty", 5, ErrMalformed},
		{"p256", "crv", nil, ErrMalformed},
		{"p256", "crv", "P-384", ErrMalformed},
		{"p256", "crv", "P-224", ErrUnsupported},
		{"p256", "x", nil, ErrMalformed},
		{"p256", "x", "", ErrMalformed},
		{"p256", "x", "AA", ErrMalformed},
		{"p256", "x", base64URL(make([]byte, 32)), ErrMalformed},
		{"p256", "y", base64URL(make([]byte, 33)), ErrMalformed},
		{"p256", "x", "AA==", ErrMalformed},
		{"p256", "x", "A\nA", ErrMalformed},
		{"p256", "d", base64URL(make([]byte, 32)), ErrMalformed},
		{"p256", "d", base64URL(bytes.Repeat([]byte{0xff}, 32)), ErrMalformed},
		{"p256", "d", base64URL(bytes.Repeat([]byte{1}, 32)), ErrMalformed},
		{"p256", "use", "sig", ErrUnsupported},
		{"p256", "use", 1, ErrMalformed},
		{"p256", "alg", "ES256", ErrUnsupported},
		{"p256", "key_ops", []string{"sign", "verify"}, ErrUnsupported},
		{"p256", "key_ops", []string{"deriveKey", "deriveKey"}, ErrMalformed},
		{"p256", "key_ops", "deriveKey", ErrMalformed},
		{"k256", "x", base64URL(make([]byte, 32)), ErrMalformed},
		{"k256", "d", base64URL(make([]byte, 32)), ErrMalformed},
		{"k256", "d", base64URL(bytes.Repeat([]byte{0xff}, 32)), ErrMalformed},
		{"k256", "d", base64URL(bytes.Repeat([]byte{1}, 32)), ErrMalformed},
		{"ed25519", "d", base64URL(make([]byte, 32)), ErrMalformed},
		{"ed25519", "d", base64URL(make([]byte, 31)), ErrMalformed},
		{"x25519", "d", base64URL(bytes.Repeat([]byte{1}, 32)), ErrMalformed},
		{"x25519", "x", base64URL(make([]byte, 31)), ErrMalformed},
		{"x25519", "crv", "X448", ErrUnsupported},
		{"rsa", "n", zeros, ErrMalformed},
		{"rsa", "n", base64URL(bytes.Repeat([]byte{0xff}, 4096)), ErrUnsupported},
		{"rsa", "e", "AQ", ErrMalformed},
		{"rsa", "e", "AQAA", ErrMalformed},
		{"rsa", "e", base64URL(bytes.Repeat([]byte{0xff}, 9)), ErrMalformed},
		{"rsa", "d", other, ErrMalformed},
		{"rsa", "p", base64URL(rsaKey.Primes[1].Bytes()), ErrMalformed},
		{"rsa", "p", nil, ErrUnsupported},
		{"rsa", "dp", base64URL(rsaKey.Primes[1].Bytes()), ErrMalformed},
		{"rsa", "qi", base64URL([]byte{1}), ErrMalformed},
		{"rsa", "oth", []string{}, ErrUnsupported},
	} {
		t.Run(fmt.Sprintf("%s %s %.10v", c.key, c.member, c.value), func(t *testing.T) {
			var members map[string]any
			if err := json.Unmarshal(jwkOf(t, keys[c.key]), &members); err != nil {
				t.Fatal(err)
			}
			members[c.member] = c.value
			if c.value == nil {
				delete(members, c.member)
			}
			data, err := json.Marshal(members)
			if err != nil {
				t.Fatal(err)
			}
			privates, err := ParsePrivates(data, Options{})
			if privates != nil {
				t.Error("read")
			}
			wantClass(t, err, c.class)
			wantSilent(t, err, data)
		})
	}
	good := string(jwkOf(t, keys["p256"]))
	for name, data := range map[string]string{
		"member twice":   strings.Replace(good, "{", `{"kty":"EC",`, 1),
		"behind it":      good + "x",
		"two":            good + good,
		"key and set":    strings.Replace(good, "{", `{"keys":[],`, 1),
		"invalid UTF-8":  strings.Replace(good, "{", "{\"\xff\":1,", 1),
		"set of nothing": `{"keys":[null]}`,
	} {
		_, err := ParsePrivates([]byte(data), Options{})
		if err == nil {
			t.Errorf("%s: read", name)
		}
		wantClass(t, err, ErrMalformed)
	}
}
