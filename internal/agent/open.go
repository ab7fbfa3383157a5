// Package agent is the receiving side: what an agent checks before it trusts
// an envelope.
package agent

import (
	"crypto/ed25519"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// OpenBound opens an envelope that is bound by its statement: signed by one of
// the trusted keys, of this very envelope, for one of these private keys, and
// saying what want demands (its empty fields are not compared). Only then is the
// envelope opened, with the key that the statement names. A statement of a
// delete is refused: there is nothing to open.
func OpenBound(privateKeys []any, envelope []byte, token string, want statement.Claims, trusted ...ed25519.PublicKey) (*secretbytes.Value, error) {
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
	identity, err := named(privateKeys, envelope, claims)
	if err != nil {
		return nil, err
	}
	return secretbytes.Produce(func() ([]byte, error) { return identity.Open(envelope) })
}

// named makes the identity of the private key that the claims name; if none is
// it, the error is that of the last.
func named(privateKeys []any, envelope []byte, claims statement.Claims) (crypto.Identity, error) {
	err := fmt.Errorf("%w: there is no private key", crypto.ErrNoMatch)
	for _, private := range privateKeys {
		identity, format, unfit := formats.IdentityFor(private, envelope)
		if unfit != nil {
			err = unfit
			continue
		}
		if err = claims.Check(statement.Claims{Format: format.Name, KeyID: identity.KeyID()}); err == nil {
			return identity, nil
		}
	}
	return nil, err
}

// Open opens an envelope that stands alone, with whichever key does.
func Open(privateKeys []any, envelope []byte) (*secretbytes.Value, error) {
	return secretbytes.Produce(func() ([]byte, error) {
		return formats.Open(envelope, privateKeys...)
	})
}
