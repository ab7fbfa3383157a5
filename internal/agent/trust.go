package agent

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"

	"github.com/sealrelay/sealrelay/crypto"
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
	// Identities are the private keys at first.
	Identities []any
	// Renew reads the private keys anew, when an envelope is for none of them;
	// nil if they stay as they are.
	Renew func() ([]any, error)

	mu sync.Mutex
}

// identities are the private keys now.
func (t *Trust) identities() []any {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.Identities
}

// renewed reads the private keys anew if the error may be that of a key that was
// not there, and says whether it did. A statement that names none of the keys does
// not match; an envelope that none of them fits has no match.
func (t *Trust) renewed(err error) bool {
	if t.Renew == nil || !errors.Is(err, crypto.ErrNoMatch) && !errors.Is(err, statement.ErrMismatch) {
		return false
	}
	found, failed := t.Renew()
	if failed != nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Identities = found
	return true
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
	_, err = named(t.identities(), envelope, claims)
	if t.renewed(err) {
		_, err = named(t.identities(), envelope, claims)
	}
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
	open := func() (*secretbytes.Value, error) {
		return OpenBound(t.identities(), envelope, token, statement.Claims{Agent: t.Agent, Secret: secret}, t.Service...)
	}
	value, err := open()
	if t.renewed(err) {
		return open()
	}
	return value, err
}
