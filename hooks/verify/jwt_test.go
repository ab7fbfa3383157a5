package verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

// issuerKey signs the tokens of these tests.
var issuerKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

func issuerKeys(t testing.TB) []byte {
	t.Helper()
	document, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: issuerKey().Public(), KeyID: "k", Use: "sig", Algorithm: "ES256"}}})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// jwt is a token of the claims, of a type.
func jwt(t testing.TB, typ jose.ContentType, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: issuerKey()}, (&jose.SignerOptions{}).WithType(typ).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	payload, isText := claims.(string)
	if !isText {
		encoded, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		payload = string(encoded)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The claims of Pub/Sub's tokens, with the names that Google documents, and of
// Entra ID's in both versions.
var (
	pubSubClaims = map[string]any{
		"aud": sourceURL, "azp": "113774264463038321964", "email": "push@project.iam.gserviceaccount.com", "sub": "113774264463038321964",
		"email_verified": true, "exp": receivedAt + 3600, "iat": receivedAt, "iss": "https://accounts.google.com",
	}
	entraClaims1 = map[string]any{
		"aud": "api://relay", "iss": "https://sts.windows.net/" + tenant + "/", "tid": tenant, "appid": eventGrid, "ver": "1.0",
		"exp": receivedAt + 3600, "iat": receivedAt, "nbf": receivedAt,
	}
	entraClaims2 = map[string]any{
		"aud": "api://relay", "iss": "https://login.microsoftonline.com/" + tenant + "/v2.0", "tid": tenant, "azp": eventGrid, "ver": "2.0",
		"exp": receivedAt + 3600, "iat": receivedAt, "nbf": receivedAt,
	}
)

const (
	tenant    = "11111111-2222-3333-4444-555555555555"
	eventGrid = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
)

func pubSub(t testing.TB) verify.OIDC {
	return verify.OIDC{
		Issuer: "https://accounts.google.com", Audience: sourceURL, Emails: []string{"other@example.com", "push@project.iam.gserviceaccount.com"},
		Keys: verify.KeySource{Document: issuerKeys(t)},
	}
}

func entra(t testing.TB) verify.Entra {
	return verify.Entra{Tenant: strings.ToUpper(tenant), Audience: "api://relay", Applications: []string{strings.ToUpper(eventGrid)}, Keys: verify.KeySource{Document: issuerKeys(t)}}
}

func jwtSchemes(t testing.TB) []scheme {
	ok := must(t)
	with := func(name string, v hooks.Verifier, claims map[string]any) scheme {
		return scheme{name: name, verifier: v, request: post(t, "", "Authorization", "Bearer "+jwt(t, "JWT", claims)), credential: []string{"Authorization"}, same: word(len("Bearer"))}
	}
	return []scheme{
		with("oidc-jwt", ok(verify.NewOIDC(pubSub(t))), pubSubClaims),
		with("entra-jwt/v1", ok(verify.NewEntra(entra(t))), entraClaims1),
		with("entra-jwt/v2", ok(verify.NewEntra(entra(t))), entraClaims2),
	}
}

// but is the claims with one of them changed; nil takes it away.
func but(claims map[string]any, name string, value any) map[string]any {
	changed := maps.Clone(claims)
	changed[name] = value
	if value == nil {
		delete(changed, name)
	}
	return changed
}

const (
	otherIssuer   = "not authenticated: the token is of another issuer"
	otherAudience = "not authenticated: the token is not for this audience: check the audience of the source and of the sender"
	otherTenant   = "not authenticated: the token is not of the source's tenant, or not of version 1.0 or 2.0"
	otherSender   = "not authenticated: the token is neither of one of the source's subjects nor of one of its e-mail addresses, verified by the issuer"
	otherApp      = "not authenticated: the token is of none of the source's applications"
	expired       = "not authenticated: the token has expired"
	notYet        = "not authenticated: the token is not valid yet: check the clocks"
	noTimes       = "not authenticated: the token does not have exp and iat as numbers, or has nbf as something else"
	noObject      = "not authenticated: the token's claims are not a JSON object"
	otherType     = "not authenticated: the token is not of a type for this: JWT, at+jwt or none"
)

func TestOIDC(t *testing.T) {
	bySubject := pubSub(t)
	bySubject.Emails, bySubject.Subjects = nil, []string{"113774264463038321964"}
	c := pubSubClaims
	for _, test := range []struct {
		name     string
		settings verify.OIDC
		claims   any
		want     string
	}{
		{"e-mail", pubSub(t), c, ""},
		{"subject", bySubject, but(c, "email", nil), ""},
		{"several audiences", pubSub(t), but(c, "aud", []string{"https://other.example", sourceURL}), ""},
		{"times with fractions", pubSub(t), but(c, "exp", receivedAt+0.5), ""},
		{"expired within the leeway", pubSub(t), but(c, "exp", receivedAt-59), ""},
		{"issued within the leeway", pubSub(t), but(c, "iat", receivedAt+60), ""},

		{"other issuer", pubSub(t), but(c, "iss", "https://accounts.google.com/"), otherIssuer},
		{"no issuer", pubSub(t), but(c, "iss", nil), otherIssuer},
		{"issuers", pubSub(t), but(c, "iss", []string{"https://accounts.google.com"}), otherIssuer},
		{"issuer in capitals", pubSub(t), but(but(c, "ISS", "https://accounts.google.com"), "iss", nil), otherIssuer},
		{"issuer twice", pubSub(t), `{"iss":"https://accounts.google.com","iss":"https://accounts.google.com"}`, noObject},
		{"other audience", pubSub(t), but(c, "aud", sourceURL+"x"), otherAudience},
		{"no audience", pubSub(t), but(c, "aud", nil), otherAudience},
		{"empty audiences", pubSub(t), but(c, "aud", []string{}), otherAudience},
		{"audience behind too many", pubSub(t), but(c, "aud", append(make([]string, 16), sourceURL)), otherAudience},
		{"e-mail not verified", pubSub(t), but(c, "email_verified", false), otherSender},
		{"e-mail verified as text", pubSub(t), but(c, "email_verified", "true"), otherSender},
		{"e-mail without a word of it", pubSub(t), but(c, "email_verified", nil), otherSender},
		{"other e-mail", pubSub(t), but(c, "email", "PUSH@project.iam.gserviceaccount.com"), otherSender},
		{"e-mail as subject", pubSub(t), but(but(c, "sub", "push@project.iam.gserviceaccount.com"), "email", nil), otherSender},
		{"other subject", bySubject, but(c, "sub", "1"), otherSender},
		{"subject as number", bySubject, but(c, "sub", 113774264463038321), otherSender},
		{"expired", pubSub(t), but(c, "exp", receivedAt-60), expired},
		{"no end", pubSub(t), but(c, "exp", nil), noTimes},
		{"end as text", pubSub(t), but(c, "exp", "1767229200"), noTimes},
		{"end beyond all time", pubSub(t), but(c, "exp", 1e300), noTimes},
		{"no beginning", pubSub(t), but(c, "iat", nil), noTimes},
		{"issued later", pubSub(t), but(c, "iat", receivedAt+61), notYet},
		{"valid later", pubSub(t), but(c, "nbf", receivedAt+61), notYet},
		{"nbf as text", pubSub(t), but(c, "nbf", "x"), noTimes},
		{"array", pubSub(t), "[]", noObject},
		{"not JSON", pubSub(t), "x", noObject},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := must(t)(verify.NewOIDC(test.settings))
			got, err := v.Verify(post(t, "", "Authorization", "Bearer "+jwt(t, "JWT", test.claims)))
			if errorText(err) != test.want || err != nil && !errors.Is(err, hooks.ErrUnauthenticated) || got != (hooks.Verified{}) {
				t.Errorf("%+v, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestEntra(t *testing.T) {
	v1, v2 := entraClaims1, entraClaims2
	anyApplication := entra(t)
	anyApplication.Applications = nil
	for _, test := range []struct {
		name     string
		settings verify.Entra
		claims   any
		want     string
	}{
		{"version 1.0", entra(t), v1, ""},
		{"version 2.0", entra(t), v2, ""},
		{"any application", anyApplication, but(v2, "azp", nil), ""},

		{"other tenant", entra(t), but(v2, "tid", "11111111-2222-3333-4444-555555555556"), otherTenant},
		{"no tenant", entra(t), but(v2, "tid", nil), otherTenant},
		{"other tenant's issuer", entra(t), but(v2, "iss", "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555556/v2.0"), otherTenant},
		{"issuer of the other version", entra(t), but(v1, "ver", "2.0"), otherTenant},
		{"no version", entra(t), but(v2, "ver", nil), otherTenant},
		{"later version", entra(t), but(v2, "ver", "3.0"), otherTenant},
		{"other audience", entra(t), but(v1, "aud", "api://other"), otherAudience},
		{"other application", entra(t), but(v2, "azp", tenant), otherApp},
		{"application as in the other version", entra(t), but(but(v2, "azp", nil), "appid", eventGrid), otherApp},
		{"expired", entra(t), but(v1, "exp", receivedAt-60), expired},
		{"valid later", entra(t), but(v1, "nbf", receivedAt+61), notYet},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := must(t)(verify.NewEntra(test.settings))
			got, err := v.Verify(post(t, "", "Authorization", "Bearer "+jwt(t, "JWT", test.claims)))
			if errorText(err) != test.want || err != nil && !errors.Is(err, hooks.ErrUnauthenticated) || got != (hooks.Verified{}) {
				t.Errorf("%+v, %v; want %q", got, err, test.want)
			}
		})
	}
}

// TestTokenTypes: a token for another purpose is none for this.
func TestTokenTypes(t *testing.T) {
	v := must(t)(verify.NewOIDC(pubSub(t)))
	for typ, want := range map[jose.ContentType]string{
		"JWT": "", "jwt": "", "at+jwt": "", "application/at+jwt": "", "": "",
		"secevent+jwt": otherType, "dpop+jwt": otherType, "JWT ": otherType,
	} {
		if _, err := v.Verify(post(t, "", "Authorization", "Bearer "+jwt(t, typ, pubSubClaims))); errorText(err) != want {
			t.Errorf("%q: %v, want %q", typ, err, want)
		}
	}
}

func TestNewJWTRefuses(t *testing.T) {
	oidc := func(change func(*verify.OIDC)) func() (hooks.Verifier, error) {
		settings := pubSub(t)
		change(&settings)
		return func() (hooks.Verifier, error) { return verify.NewOIDC(settings) }
	}
	ofEntra := func(change func(*verify.Entra)) func() (hooks.Verifier, error) {
		settings := entra(t)
		change(&settings)
		return func() (hooks.Verifier, error) { return verify.NewEntra(settings) }
	}
	for _, test := range []struct {
		name      string
		construct func() (hooks.Verifier, error)
		want      string
	}{
		{"no issuer", oidc(func(s *verify.OIDC) { s.Issuer = "" }), "set issuer and audience"},
		{"no audience", oidc(func(s *verify.OIDC) { s.Audience = "" }), "set issuer and audience"},
		{"anybody", oidc(func(s *verify.OIDC) { s.Emails = nil }), "set emails or subjects: whoever else has an account with the issuer can get a token for the audience"},
		{"many", oidc(func(s *verify.OIDC) { s.Subjects = make([]string, 63) }), "emails and subjects are more than 64"},
		{"no keys", oidc(func(s *verify.OIDC) { s.Keys = verify.KeySource{} }), "the issuer's keys: set exactly one of jwks_file and jwks_url"},
		{"common tenant", ofEntra(func(s *verify.Entra) { s.Tenant = "common" }), "tenant is not the GUID of one"},
		{"tenant with more", ofEntra(func(s *verify.Entra) { s.Tenant += "/x" }), "tenant is not the GUID of one"},
		{"no audience", ofEntra(func(s *verify.Entra) { s.Audience = "" }), "set audience"},
		{"application by name", ofEntra(func(s *verify.Entra) { s.Applications = []string{"Event Grid"} }), "applications has what is not the GUID of one"},
		{"many applications", ofEntra(func(s *verify.Entra) { s.Applications = make([]string, 65) }), "applications are more than 64"},
		{"both keys", ofEntra(func(s *verify.Entra) { s.Keys.URL = "https://x.example" }), "the issuer's keys: set exactly one of jwks_file and jwks_url"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if v, err := test.construct(); errorText(err) != test.want || v != nil {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

func TestConfiguredJWT(t *testing.T) {
	files := map[string]string{"keys.json": string(issuerKeys(t)), "ca.pem": "text"}
	r := post(t, "", "Authorization", "Bearer "+jwt(t, "JWT", pubSubClaims))
	for _, test := range []struct{ scheme, config, want string }{
		{"oidc-jwt", "issuer: https://accounts.google.com\naudience: " + sourceURL + "\nsubjects: ['113774264463038321964']\njwks_file: keys.json", ""},
		{"oidc-jwt", "issuer: x\naudience: y\nemails: [z]\njwks_url: https://x.example\njwks_ca_file: ca.pem", "jwks_ca_file has no PEM certificate"},
		{"oidc-jwt", "issuer: x\naudience: y\nemails: [z]\njwks_file: none.json", "no such file: none.json"},
		{"oidc-jwt", "issuer: x\naudience: y\nemails: [z]\njwks_url: https://x.example\njwks_ca_file: none.pem", "no such file: none.pem"},
		{"entra-jwt", "tenant: " + tenant + "\naudience: x\njwks_pin: x", "jwks_pin is not sha256: and 64 hexadecimal digits"},
	} {
		v, err := verify.Table[test.scheme](settings(test.config, files))
		if errorText(err) != test.want {
			t.Errorf("%s: %v, want %q", test.config, err, test.want)
		}
		if err == nil {
			if _, err := v.Verify(r); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := verify.Table["entra-jwt"](settings("tenant: "+tenant+"\naudience: x", nil)); err != nil {
		t.Errorf("keys that the tenant publishes: %v", err)
	}
}

// FuzzClaims: whatever a token says, it is accepted only with the source's
// issuer, audience, sender and time.
func FuzzClaims(f *testing.F) {
	v := must(f)(verify.NewOIDC(pubSub(f)))
	for _, claims := range []any{pubSubClaims, but(pubSubClaims, "aud", []string{sourceURL}), but(pubSubClaims, "nbf", 1e11), "[1]", `{"aud":{},"iss":null}`} {
		text, isText := claims.(string)
		if !isText {
			encoded, err := json.Marshal(claims)
			if err != nil {
				f.Fatal(err)
			}
			text = string(encoded)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		_, err := v.Verify(post(t, "", "Authorization", "Bearer "+jwt(t, "JWT", payload)))
		if err != nil {
			if !errors.Is(err, hooks.ErrUnauthenticated) {
				t.Fatal(err)
			}
			return
		}
		var c map[string]any
		if err := json.Unmarshal([]byte(payload), &c); err != nil {
			t.Fatalf("%q is accepted: %v", payload, err)
		}
		many, _ := c["aud"].([]any)
		audience := c["aud"] == sourceURL
		for _, one := range many {
			audience = audience || one == sourceURL
		}
		ends, _ := c["exp"].(float64)
		if c["iss"] != "https://accounts.google.com" || !audience || c["email_verified"] != true || ends <= receivedAt-time.Minute.Seconds() {
			t.Fatalf("%q is accepted", payload)
		}
	})
}
