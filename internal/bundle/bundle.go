package bundle

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// Type is the typ of a bundle's header.
const Type = "sealrelay-bundle+jwt"

// Bundle is a bundle that was verified: all that an agent should have.
type Bundle struct {
	Manifest
	Deliveries []Delivery
}

// Delivery is one version of a secret, and what its statement says.
type Delivery struct {
	wire.Delivery
	Claims statement.Claims
}

// Pack makes the bundle of deliveries, which are in the order of their secrets.
func Pack(key ed25519.PrivateKey, issuer, agent, destination string, at time.Time, deliveries []wire.Delivery) ([]byte, error) {
	return pack(key, Type, Manifest{From: issuer, To: agent, Destination: destination, MadeAt: at}, deliveries)
}

// Open verifies a bundle as the agent that it is for: signed by one of the
// service's keys, for this agent, whole, and each delivery with a statement of
// the same service for this agent that covers its envelope. Errors are
// ErrSignature, ErrDamaged and ErrMismatch, and those of package statement for a
// delivery.
func Open(data []byte, agent string, trusted ...ed25519.PublicKey) (*Bundle, error) {
	m, body, err := verify(data, Type, trusted...)
	if err != nil {
		return nil, err
	}
	if m.To != agent {
		return nil, fmt.Errorf("%w: it is for the agent %q, not %q", ErrMismatch, m.To, agent)
	}
	carried, err := items[wire.Delivery](m, body)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Manifest: m}
	for i, delivery := range carried {
		claims, err := check(delivery, m, trusted)
		if err != nil {
			return nil, fmt.Errorf("item %d of the bundle: %w", i+1, err)
		}
		if i > 0 && claims.Secret <= b.Deliveries[i-1].Claims.Secret {
			return nil, fmt.Errorf("%w: item %d is out of order, or the second of its secret", ErrDamaged, i+1)
		}
		b.Deliveries = append(b.Deliveries, Delivery{delivery, claims})
	}
	return b, nil
}

func check(delivery wire.Delivery, m Manifest, trusted []ed25519.PublicKey) (statement.Claims, error) {
	claims, err := statement.Verify(delivery.Statement, trusted...)
	if err != nil {
		return claims, err
	}
	if err := claims.Check(statement.Claims{Issuer: m.From, Agent: m.To}); err != nil {
		return claims, err
	}
	return claims, claims.Covers(delivery.Envelope)
}
