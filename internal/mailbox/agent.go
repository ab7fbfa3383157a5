package mailbox

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Agent is one that may use the API. It does not change; a new configuration
// makes a new one.
type Agent struct {
	Name string
	// Verifier tells its requests from those of others.
	Verifier hooks.Verifier
	// SigningKeys are those that its receipts are signed with.
	SigningKeys []ed25519.PublicKey
	// Mailboxes are its destinations of that kind, by name. What goes to others
	// is none of this API's.
	Mailboxes []string
	// AskedKeys says that it is to make itself other keys.
	AskedKeys bool
}

// owns says whether the destination is a mailbox of the agent.
func (a *Agent) owns(destination string) bool { return slices.Contains(a.Mailboxes, destination) }

// NewSignatureVerifier returns a verifier of requests that an agent signed (RFC
// 9421) with one of its keys, at most 8. The parameter keyid is the key's ID, as
// receipts have it.
func NewSignatureVerifier(signingKeys []ed25519.PublicKey) (hooks.Verifier, error) {
	var settings verify.MessageSignatures
	for _, key := range signingKeys {
		id, err := keys.ID(key)
		if err != nil {
			return nil, err
		}
		pem, err := keys.MarshalPublic(key)
		if err != nil {
			return nil, err
		}
		value := secretbytes.Copy(pem)
		defer value.Wipe()
		settings.Keys = append(settings.Keys, verify.SignatureKey{ID: id, Algorithm: "ed25519", Key: verify.Key{Value: value}})
	}
	return verify.NewMessageSignatures(settings)
}

// newStranger is the agent that a request is verified against whose own there is
// none: nobody has its key.
func newStranger() (*Agent, error) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	verifier, err := NewSignatureVerifier([]ed25519.PublicKey{public})
	return &Agent{Verifier: verifier}, err
}

// ErrNotAgent says that a request is not shown to be the agent's. The words around it
// are for the service's log alone: whoever asks learns no more than that, be it
// the name, the key or the time that is wrong.
var ErrNotAgent = errors.New("the request is not the agent's")

// Authenticate returns the agent of that name if the request is its own, or
// ErrNotAgent.
func (m *Mailbox) Authenticate(name string, r *hooks.Request) (*Agent, error) {
	agent := m.agents(name)
	if agent == nil {
		// The same work as for an agent, so that the time does not tell them
		// apart either.
		agent = m.stranger
	}
	if _, err := agent.Verifier.Verify(r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotAgent, err)
	}
	return agent, nil
}
