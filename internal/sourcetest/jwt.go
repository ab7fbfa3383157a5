package sourcetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// tokenLife is how long a token is valid; its request is sent at once.
const tokenLife = 5 * time.Minute

// oidc sends a token as the source's issuer would make it for its first sender.
func (s *Signer) oidc(m message) error {
	claims := map[string]any{"iss": s.Issuer, "aud": s.Audience, "sub": "test"}
	if len(s.Subjects) > 0 {
		claims["sub"] = s.Subjects[0]
	}
	if len(s.Emails) > 0 {
		claims["email"], claims["email_verified"] = s.Emails[0], true
	}
	return s.token(m, claims)
}

// entra sends a token of version 2.0 as the source's tenant would make it for
// its first application.
func (s *Signer) entra(m message) error {
	claims := map[string]any{
		"iss": "https://login.microsoftonline.com/" + s.Tenant + "/v2.0",
		"aud": s.Audience, "tid": s.Tenant, "ver": "2.0",
	}
	if len(s.Applications) > 0 {
		claims["azp"] = s.Applications[0]
	}
	return s.token(m, claims)
}

// token signs a JWT (RFC 7519) with the issuer's key. Its key ID is the key's
// thumbprint (RFC 7638).
func (s *Signer) token(m message, claims map[string]any) error {
	maps.Copy(claims, map[string]any{"iat": m.at.Unix(), "exp": m.at.Add(tokenLife).Unix()})
	payload, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	signer, err := newJWS(s.key)
	if err != nil {
		return err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return err
	}
	text, err := signed.CompactSerialize()
	m.Header.Set("Authorization", "Bearer "+text)
	return err
}

func newJWS(key crypto.Signer) (jose.Signer, error) {
	algorithm, err := algorithmOf(key)
	if err != nil {
		return nil, err
	}
	thumbprint, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	jwk := jose.JSONWebKey{Key: key, KeyID: base64.RawURLEncoding.EncodeToString(thumbprint)}
	return jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jwk}, (&jose.SignerOptions{}).WithType("JWT"))
}

// algorithmOf is what tokens are signed with by a key of its kind (RFC 7518,
// RFC 8037).
func algorithmOf(key crypto.Signer) (jose.SignatureAlgorithm, error) {
	switch key := key.(type) {
	case nil:
		return "", errors.New("the issuer's key is needed; give --sign-key")
	case ed25519.PrivateKey:
		return jose.EdDSA, nil
	case *rsa.PrivateKey:
		return jose.RS256, nil
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P256() {
			return jose.ES256, nil
		}
	}
	return "", errors.New("the key is none of Ed25519, RSA and EC P-256")
}
