package statement

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// Type is the typ of a statement's header (RFC 7515, section 4.1.9; RFC 8725,
// section 3.11): no other JWT of the same key passes for a statement.
const Type = "sealrelay-statement+jwt"

// Signer signs statements. It is safe for concurrent use.
type Signer struct {
	issuer string
	key    ed25519.PrivateKey
	// header is the first segment of each of its statements, with the dot.
	header string
}

// NewSigner returns a signer for the issuer with that name.
func NewSigner(key ed25519.PrivateKey, issuer string) (*Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("an Ed25519 private key has %d bytes, this one %d", ed25519.PrivateKeySize, len(key))
	}
	if issuer == "" {
		return nil, errors.New("a signer of statements needs the issuer's name")
	}
	header, err := headerOf(key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return &Signer{issuer: issuer, key: key, header: header + "."}, nil
}

// Sign returns the statement of claims with the signer's issuer in place of
// theirs, and an error if a claim is missing or impossible.
func (s *Signer) Sign(claims Claims) (string, error) {
	claims.Issuer = s.issuer
	body, err := claims.encode()
	if err != nil {
		return "", err
	}
	// RFC 7515, section 7.1, written out: there is a signature per envelope, and
	// a library that builds the constant header anew adds about a third to its time.
	token := make([]byte, 0, len(s.header)+base64.RawURLEncoding.EncodedLen(len(body))+1+base64.RawURLEncoding.EncodedLen(ed25519.SignatureSize))
	token = base64.RawURLEncoding.AppendEncode(append(token, s.header...), body)
	signature := ed25519.Sign(s.key, token)
	return string(base64.RawURLEncoding.AppendEncode(append(token, '.'), signature)), nil
}

// headerOf is the one header that a statement signed with the private half of
// key has, as a segment of the token.
func headerOf(key ed25519.PublicKey) (string, error) {
	id, err := keys.ID(key)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"` + id + `","typ":"` + Type + `"}`)), nil
}
