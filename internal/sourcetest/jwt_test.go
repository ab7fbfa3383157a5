package sourcetest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/internal/sourcetest"
)

// TestTokens: a token is signed by the key, and says what the settings want.
func TestTokens(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	factors, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const tenant = "11111111-2222-3333-4444-555555555555"
	tests := []struct {
		scheme, config string
		key            crypto.Signer
		algorithm      jose.SignatureAlgorithm
		want           map[string]any
	}{
		{
			"oidc-jwt", "{issuer: https://i.example, audience: me, emails: [a@example.com], jwks_file: x}", edwards, jose.EdDSA,
			map[string]any{"iss": "https://i.example", "aud": "me", "sub": "test", "email": "a@example.com", "email_verified": true},
		},
		{
			"oidc-jwt", "{issuer: https://i.example, audience: me, subjects: ['17']}", factors, jose.RS256,
			map[string]any{"iss": "https://i.example", "aud": "me", "sub": "17"},
		},
		{
			"entra-jwt", "{tenant: " + tenant + ", audience: me, applications: [a]}", curve, jose.ES256,
			map[string]any{"iss": "https://login.microsoftonline.com/" + tenant + "/v2.0", "aud": "me", "tid": tenant, "ver": "2.0", "azp": "a"},
		},
	}
	for _, test := range tests {
		t.Run(test.scheme, func(t *testing.T) {
			signer, err := sourcetest.NewSigner(test.scheme, settings(test.config), test.key)
			if err != nil {
				t.Fatal(err)
			}
			s := serve(t, accepted)
			run(t, s.runner(t, signer), "# expect: 202 accepted\n# sign: "+test.scheme+"\nPOST /v1/hooks/x HTTP/1.1\nHost: h\n\n{}")
			token, _ := strings.CutPrefix(s.requests[0].Header.Get("Authorization"), "Bearer ")
			parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{test.algorithm})
			if err != nil {
				t.Fatal(err)
			}
			payload, err := parsed.Verify(test.key.Public())
			if err != nil {
				t.Fatal(err)
			}
			var claims map[string]any
			if err := json.Unmarshal(payload, &claims); err != nil {
				t.Fatal(err)
			}
			issued, expires := claims["iat"].(float64), claims["exp"].(float64)
			if age := time.Since(time.Unix(int64(issued), 0)); age > time.Minute || expires-issued != 300 {
				t.Errorf("issued %v ago, for %v s", age, expires-issued)
			}
			delete(claims, "iat")
			delete(claims, "exp")
			if diff := cmp.Diff(test.want, claims); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestNoKey: without a key that can sign, a request is not sent.
func TestNoKey(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for want, key := range map[string]crypto.Signer{
		"sign: the issuer's key is needed; give --sign-key":  nil,
		"sign: the key is none of Ed25519, RSA and EC P-256": other,
	} {
		signer, err := sourcetest.NewSigner("oidc-jwt", settings("{issuer: i, audience: a}"), key)
		if err != nil {
			t.Fatal(err)
		}
		s := serve(t, accepted)
		_, err = s.runner(t, signer).Run(t.Context(), parse(t, "# expect: 202 accepted\n# sign: oidc-jwt\nPOST /v1/hooks/x HTTP/1.1\nHost: h\n\n{}"))
		if err == nil || err.Error() != "f.http: "+want || len(s.requests) > 0 {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}
