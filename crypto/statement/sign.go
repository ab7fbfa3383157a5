package statement

import (
	"crypto/ed25519"
	"errors"

	"github.com/sealrelay/sealrelay/crypto/signed"
)

// Type is the typ of a statement's header: no other JWT of the same key passes
// for a statement.
const Type = "sealrelay-statement+jwt"

// Signer signs statements. It is safe for concurrent use.
type Signer struct {
	issuer string
	signer *signed.Signer
}

// NewSigner returns a signer for the issuer with that name.
func NewSigner(key ed25519.PrivateKey, issuer string) (*Signer, error) {
	if issuer == "" {
		return nil, errors.New("a signer of statements needs the issuer's name")
	}
	signer, err := signed.NewSigner(key, Type)
	if err != nil {
		return nil, err
	}
	return &Signer{issuer, signer}, nil
}

// Sign returns the statement of claims with the signer's issuer in place of
// theirs, and an error if a claim is missing or impossible.
func (s *Signer) Sign(claims Claims) (string, error) {
	claims.Issuer = s.issuer
	body, err := claims.encode()
	if err != nil {
		return "", err
	}
	return s.signer.Sign(body), nil
}
