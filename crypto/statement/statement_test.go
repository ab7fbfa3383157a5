package statement

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

var envelope = []byte("enc:sealed")

func newKey(t testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

func newSigner(t testing.TB) (*Signer, ed25519.PublicKey) {
	t.Helper()
	public, private := newKey(t)
	signer, err := NewSigner(private, "relay.example")
	if err != nil {
		t.Fatal(err)
	}
	return signer, public
}

func someClaims() Claims {
	return Claims{
		Agent: "batch-7", Secret: "prod/db/orders", Version: 3, Operation: "set",
		Format: "js7", KeyID: "sha256:00ff", Digest: Digest(envelope),
		IssuedAt: time.Unix(1_780_000_000, 0).UTC(),
	}
}

func mustSign(t testing.TB, signer *Signer, claims Claims) string {
	t.Helper()
	token, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// signText signs any header and payload, as no Signer would.
func signText(key ed25519.PrivateKey, header, body string) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(body))
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(input)))
}

func TestRoundTrip(t *testing.T) {
	signer, public := newSigner(t)
	other, _ := newKey(t)
	deleted := someClaims()
	deleted.Operation, deleted.Format, deleted.KeyID, deleted.Digest = "delete", "", "", Digest(nil)
	for _, claims := range []Claims{someClaims(), deleted} {
		got, err := Verify(mustSign(t, signer, claims), other, nil, public)
		if err != nil {
			t.Fatal(err)
		}
		claims.Issuer = "relay.example"
		if diff := cmp.Diff(claims, got); diff != "" {
			t.Errorf("claims differ (-want +got):\n%s", diff)
		}
	}
}

// TestWireForm holds header and payload to what is documented, by a library's
// reading of them.
func TestWireForm(t *testing.T) {
	signer, public := newSigner(t)
	token := mustSign(t, signer, someClaims())
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	body, err := parsed.Verify(public)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"iss":"relay.example","agent":"batch-7","secret":"prod/db/orders","ver":3,"op":"set","fmt":"js7","kid":"sha256:00ff",` +
		`"sha256":"%s","iat":1780000000}`
	if string(body) != fmt.Sprintf(want, Digest(envelope)) {
		t.Errorf("payload is %s", body)
	}
	segment, _, _ := strings.Cut(token, ".")
	header, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		t.Fatal(err)
	}
	id, err := keys.ID(public)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := json.Unmarshal(header, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"alg": "EdDSA", "typ": "sealrelay-statement+jwt", "kid": id}, got); diff != "" {
		t.Errorf("header differs (-want +got):\n%s", diff)
	}
}

// TestEveryBit: no statement that differs in a bit is accepted.
func TestEveryBit(t *testing.T) {
	signer, public := newSigner(t)
	token := []byte(mustSign(t, signer, someClaims()))
	for i := range 8 * len(token) {
		changed := bytes.Clone(token)
		changed[i/8] ^= 1 << (i % 8)
		if claims, err := Verify(string(changed), public); !errors.Is(err, ErrSignature) || claims != (Claims{}) {
			t.Fatalf("with bit %d flipped: %+v, %v", i, claims, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	public, private := newKey(t)
	otherPublic, otherPrivate := newKey(t)
	signer, err := NewSigner(private, "relay.example")
	if err != nil {
		t.Fatal(err)
	}
	token := mustSign(t, signer, someClaims())
	segments := strings.Split(token, ".")
	decode := func(segment string) string {
		data, err := base64.RawURLEncoding.DecodeString(segment)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	header, body := decode(segments[0]), decode(segments[1])
	insert := func(text, member string) string { return text[:len(text)-1] + "," + member + "}" }
	for name, text := range map[string]string{
		"empty":                 "",
		"two segments":          segments[0] + "." + segments[1],
		"four segments":         token + ".AA",
		"trailing newline":      token + "\n",
		"leading space":         " " + token,
		"line break inside":     token[:len(token)-4] + "\n" + token[len(token)-4:],
		"padding":               token + "==",
		"empty signature":       segments[0] + "." + segments[1] + ".",
		"JSON serialization":    `{"payload":"` + segments[1] + `","protected":"` + segments[0] + `","signature":"` + segments[2] + `"}`,
		"signature of another":  segments[0] + "." + segments[1] + "." + strings.Split(signText(otherPrivate, header, body), ".")[2],
		"alg none":              base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + segments[1] + ".",
		"alg HS256":             signText(private, strings.Replace(header, "EdDSA", "HS256", 1), body),
		"no type":               signText(private, `{"alg":"EdDSA"}`, body),
		"type JWT":              signText(private, strings.Replace(header, Type, "JWT", 1), body),
		"header member more":    signText(private, insert(header, `"crit":["x"],"x":1`), body),
		"header member twice":   signText(private, insert(header, `"alg":"EdDSA"`), body),
		"payload member more":   signText(private, header, insert(body, `"aud":"x"`)),
		"payload member twice":  signText(private, header, insert(body, `"agent":"batch-7"`)),
		"payload member absent": signText(private, header, strings.Replace(body, `,"iat":1780000000`, "", 1)),
		"payload member cased":  signText(private, header, strings.Replace(body, `"agent"`, `"Agent"`, 1)),
		"payload white space":   signText(private, header, strings.Replace(body, ",", ", ", 1)),
		"payload and more":      signText(private, header, body+"{}"),
		"payload escaped":       signText(private, header, strings.Replace(body, "batch", `b\u0061tch`, 1)),
		"payload no JSON":       signText(private, header, "statement"),
		"version as float":      signText(private, header, strings.Replace(body, `"ver":3`, `"ver":3.0`, 1)),
		"version 0":             signText(private, header, strings.Replace(body, `"ver":3`, `"ver":0`, 1)),
		"operation":             signText(private, header, strings.Replace(body, `"set"`, `"put"`, 1)),
		"digest in capitals":    signText(private, header, strings.Replace(body, Digest(envelope), strings.ToUpper(Digest(envelope)), 1)),
	} {
		t.Run(name, func(t *testing.T) {
			if claims, err := Verify(text, public, otherPublic); !errors.Is(err, ErrSignature) || claims != (Claims{}) {
				t.Errorf("got %+v, %v", claims, err)
			}
		})
	}
	for name, trusted := range map[string][]ed25519.PublicKey{"no key": nil, "other key": {otherPublic}, "short key": {public[:31]}} {
		if _, err := Verify(token, trusted...); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	signer, _ := newSigner(t)
	for name, change := range map[string]func(*Claims){
		"no agent":           func(c *Claims) { c.Agent = "" },
		"no secret":          func(c *Claims) { c.Secret = "" },
		"version 0":          func(c *Claims) { c.Version = 0 },
		"operation":          func(c *Claims) { c.Operation = "put" },
		"no format":          func(c *Claims) { c.Format = "" },
		"no key ID":          func(c *Claims) { c.KeyID = "" },
		"no digest":          func(c *Claims) { c.Digest = "" },
		"digest in capitals": func(c *Claims) { c.Digest = strings.ToUpper(c.Digest) },
		"short digest":       func(c *Claims) { c.Digest = c.Digest[2:] },
		"delete of bytes":    func(c *Claims) { c.Operation = "delete" },
		"no time":            func(c *Claims) { c.IssuedAt = time.Time{} },
	} {
		claims := someClaims()
		change(&claims)
		if token, err := signer.Sign(claims); err == nil || token != "" {
			t.Errorf("%s: signed", name)
		}
	}
	_, private := newKey(t)
	if _, err := NewSigner(private[:63], "relay"); err == nil {
		t.Error("a short key makes a signer")
	}
	if _, err := NewSigner(private, ""); err == nil {
		t.Error("no name makes a signer")
	}
}

func TestCovers(t *testing.T) {
	claims := someClaims()
	if err := claims.Covers(envelope); err != nil {
		t.Error(err)
	}
	for i := range envelope {
		changed := bytes.Clone(envelope)
		changed[i] ^= 1
		if err := claims.Covers(changed); !errors.Is(err, ErrMismatch) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	if err := claims.Covers(nil); !errors.Is(err, ErrMismatch) {
		t.Errorf("no envelope: %v", err)
	}
	if err := (Claims{}).Covers(nil); !errors.Is(err, ErrMismatch) {
		t.Errorf("no claims: %v", err)
	}
}

func TestCheck(t *testing.T) {
	claims := someClaims()
	claims.Issuer = "relay.example"
	for _, want := range []Claims{{}, claims, {Agent: "batch-7"}, {Version: 3, IssuedAt: time.Unix(1, 0)}} {
		if err := claims.Check(want); err != nil {
			t.Errorf("%+v: %v", want, err)
		}
	}
	for _, want := range []Claims{
		{Issuer: "other"}, {Agent: "batch-8"}, {Secret: "prod/db"}, {Version: 2}, {Operation: "delete"},
		{Format: "age"}, {KeyID: "sha256:00"}, {Digest: Digest(nil)},
	} {
		if err := claims.Check(want); !errors.Is(err, ErrMismatch) {
			t.Errorf("%+v: %v", want, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	// A constant key, so that the seeds stay valid over the fuzzer's processes.
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public := private.Public().(ed25519.PublicKey)
	signer, err := NewSigner(private, "relay.example")
	if err != nil {
		f.Fatal(err)
	}
	token := mustSign(f, signer, someClaims())
	f.Add(token)
	f.Add(token[:len(token)-1])
	f.Add("..")
	f.Add(signText(private, `{"alg":"EdDSA"}`, "{}"))
	f.Fuzz(func(t *testing.T, text string) {
		claims, err := Verify(text, public)
		if err != nil {
			if claims != (Claims{}) {
				t.Fatal("claims and an error")
			}
			return
		}
		// Ed25519 is deterministic and the encoding unique.
		if again := mustSign(t, signer, claims); again != text {
			t.Fatalf("signed again %q becomes %q", text, again)
		}
	})
}

// FuzzDecode reaches what no fuzzer can sign.
func FuzzDecode(f *testing.F) {
	claims := someClaims()
	claims.Issuer = "relay.example"
	body, err := claims.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		claims, err := decode(data)
		if err != nil {
			return
		}
		if again, err := claims.encode(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%q becomes %q, %v", data, again, err)
		}
	})
}

func Example() {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	signer, err := NewSigner(private, "relay.example")
	if err != nil {
		panic(err)
	}
	sealed := []byte("enc:...")
	token, err := signer.Sign(Claims{
		Agent: "batch-7", Secret: "prod/db/orders", Version: 1, Operation: "set",
		Format: "js7", KeyID: "sha256:...", Digest: Digest(sealed), IssuedAt: time.Now(),
	})
	if err != nil {
		panic(err)
	}
	claims, err := Verify(token, public)
	if err != nil {
		panic(err)
	}
	fmt.Println(claims.Check(Claims{Agent: "batch-7", Secret: "prod/db/orders"}))
	fmt.Println(claims.Covers(sealed))
	fmt.Println(claims.Check(Claims{Agent: "batch-8"}))
	// Output:
	// <nil>
	// <nil>
	// statement does not match: its agent is "batch-7", not "batch-8"
}

func BenchmarkSign(b *testing.B) {
	_, private := newKey(b)
	signer, err := NewSigner(private, "relay.example")
	if err != nil {
		b.Fatal(err)
	}
	claims := someClaims()
	b.Run("statement", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			mustSign(b, signer, claims)
		}
	})
	b.Run("library", func(b *testing.B) { // What writing the serialization out saves.
		options := (&jose.SignerOptions{}).WithType(Type).WithHeader("kid", "sha256:00ff")
		library, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: private}, options)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			body, err := claims.withIssuer().encode()
			if err != nil {
				b.Fatal(err)
			}
			signed, err := library.Sign(body)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := signed.CompactSerialize(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ed25519", func(b *testing.B) {
		message := []byte(mustSign(b, signer, claims))
		message = message[:bytes.LastIndexByte(message, '.')]
		for b.Loop() {
			ed25519.Sign(private, message)
		}
	})
}

func (c Claims) withIssuer() Claims {
	c.Issuer = "relay.example"
	return c
}

func BenchmarkVerify(b *testing.B) {
	signer, public := newSigner(b)
	token := mustSign(b, signer, someClaims())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(token, public); err != nil {
			b.Fatal(err)
		}
	}
}
