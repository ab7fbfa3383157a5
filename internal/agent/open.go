// Package agent is the receiving side: what an agent checks before it trusts
// an envelope.
package agent

import (
	"crypto/ed25519"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// OpenBound opens an envelope that is bound by its statement: signed by one of
// the trusted keys, of this very envelope, for this private key, and saying
// what want demands (its empty fields are not compared). Only then is the
// envelope opened. A statement of a delete is refused: there is nothing to open.
func OpenBound(privateKey any, envelope []byte, token string, want statement.Claims, trusted ...ed25519.PublicKey) (*secretbytes.Value, error) {
	claims, err := statement.Verify(token, trusted...)
	if err != nil {
		return nil, err
	}
	if err := claims.Check(want); err != nil {
		return nil, err
	}
	if claims.Operation != string(hooks.Set) {
		return nil, fmt.Errorf("%w: it says that version %d deleted the secret", statement.ErrMismatch, claims.Version)
	}
	if err := claims.Covers(envelope); err != nil {
		return nil, err
	}
	identity, format, err := formats.IdentityFor(privateKey, envelope)
	if err != nil {
		return nil, err
	}
	if err := claims.Check(statement.Claims{Format: format.Name, KeyID: identity.KeyID()}); err != nil {
		return nil, err
	}
	plaintext, err := identity.Open(envelope)
	if err != nil {
		return nil, err
	}
	return secretbytes.New(plaintext), nil
}

// Open opens an envelope that stands alone.
func Open(privateKey any, envelope []byte) (*secretbytes.Value, error) {
	identity, _, err := formats.IdentityFor(privateKey, envelope)
	if err != nil {
		return nil, err
	}
	plaintext, err := identity.Open(envelope)
	if err != nil {
		return nil, err
	}
	return secretbytes.New(plaintext), nil
}
