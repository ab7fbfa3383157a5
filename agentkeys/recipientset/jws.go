package recipientset

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto/signed"
)

// Type is the typ of a set's header: neither a statement nor any other JWT of
// the same key passes for a set.
const Type = "sealrelay-recipients+jwt"

// MaxSize bounds a set in its signed form, in bytes: several thousand
// recipients.
const MaxSize = 16 << 20

// Signer signs sets. It is safe for concurrent use.
type Signer struct {
	issuer string
	signer *signed.Signer
}

// NewSigner returns a signer for the issuer with that name.
func NewSigner(key ed25519.PrivateKey, issuer string) (*Signer, error) {
	if issuer == "" {
		return nil, errors.New("a signer of recipient sets needs the issuer's name")
	}
	signer, err := signed.NewSigner(key, Type)
	if err != nil {
		return nil, err
	}
	return &Signer{issuer, signer}, nil
}

// Sign returns the set with the signer's issuer in place of its own, signed; an
// error if something is missing or impossible in it, or it is above MaxSize.
func (s *Signer) Sign(set Set) (string, error) {
	set.Issuer = s.issuer
	body, err := set.encode()
	if err != nil {
		return "", err
	}
	token := s.signer.Sign(body)
	if len(token) > MaxSize {
		return "", fmt.Errorf("the recipient set has %d bytes, at most %d are allowed; share keys by groups", len(token), MaxSize)
	}
	return token, nil
}

// Verify returns the set that the private half of key signed, or ErrSignature. A
// valid signature over a set that does not make sense, or is not in the encoding
// that Sign writes, is ErrSignature too. Whether it is the set that the caller
// waits for is Check's matter.
func Verify(token string, key ed25519.PublicKey) (Set, error) {
	if len(token) > MaxSize {
		return Set{}, fmt.Errorf("%w: it has more than %d bytes", ErrSignature, MaxSize)
	}
	data, err := signed.Verify(token, Type, key)
	if err != nil {
		return Set{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	set, err := decode(data)
	if err != nil {
		return Set{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return set, nil
}
