package agent

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// ErrDeleted is the error of opening a secret that was deleted.
var ErrDeleted = errors.New("the secret was deleted")

// Trust is whom an agent believes, and what it can open. It is safe for
// concurrent use.
type Trust struct {
	// Agent is the agent's name.
	Agent string
	// Service are the pinned keys, one of which signs each statement.
	Service []ed25519.PublicKey
	// Identities are the private keys.
	Identities []any
}

// Claims returns what a statement says that the service signed for this agent.
// The error wraps statement.ErrSignature or statement.ErrMismatch.
func (t *Trust) Claims(token string) (statement.Claims, error) {
	claims, err := statement.Verify(token, t.Service...)
	if err != nil {
		return statement.Claims{}, err
	}
	if err := claims.Check(statement.Claims{Agent: t.Agent}); err != nil {
		return statement.Claims{}, err
	}
	return claims, hooks.CheckName(claims.Secret)
}

// Accept checks a delivery, without opening it, and returns its claims: it is
// what Claims takes, it covers the envelope, and it is sealed to one of the
// identities. Errors are those of Claims, and crypto's for an envelope that none
// of the identities is for.
func (t *Trust) Accept(envelope []byte, token string) (statement.Claims, error) {
	claims, err := t.Claims(token)
	if err != nil {
		return statement.Claims{}, err
	}
	if err := claims.Covers(envelope); err != nil {
		return statement.Claims{}, err
	}
	if claims.Operation == string(hooks.Delete) {
		return claims, nil
	}
	_, err = named(t.Identities, envelope, claims)
	return claims, err
}

// Open opens the kept copy of a secret, as OpenBound does. It returns ErrDeleted
// for one that was deleted.
func (t *Trust) Open(secret string, envelope []byte, token string) (*secretbytes.Value, error) {
	claims, err := t.Claims(token)
	if err != nil {
		return nil, err
	}
	if claims.Secret == secret && claims.Operation == string(hooks.Delete) {
		return nil, fmt.Errorf("%w by version %d", ErrDeleted, claims.Version)
	}
	return OpenBound(t.Identities, envelope, token, statement.Claims{Agent: t.Agent, Secret: secret}, t.Service...)
}
