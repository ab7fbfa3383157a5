package mailbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// The classes in which a receipt is refused.
var (
	// ErrForged: none of the agent's keys signed it.
	ErrForged = errors.New("the receipt is not signed by the agent")
	// ErrMismatch: it is of something that the agent was never given.
	ErrMismatch = errors.New("the receipt is not of what the agent was given")
	// ErrLate: a newer version has taken the place of the one that it is of.
	ErrLate = errors.New("the receipt is of a version that a newer one has replaced")
	// ErrNotDelivered: what it is of was not delivered yet.
	ErrNotDelivered = errors.New("nothing that the receipt is of was delivered")
)

// Acknowledge takes the receipt of the entry, and says whether that changed
// anything.
func (m *Mailbox) Acknowledge(ctx context.Context, agent *Agent, id, token string) (wire.ReceiptStatus, error) {
	key, err := agent.key(id)
	if err != nil {
		return "", err
	}
	claims, err := claimsOf(agent, token)
	if err != nil {
		return "", err
	}
	d, err := m.outbox.Get(ctx, key)
	if errors.Is(err, outbox.ErrNotFound) {
		return "", ErrNoEntry
	}
	if err != nil {
		return "", err
	}
	return m.take(ctx, d, claims, token)
}

// Report takes the receipt of what was delivered to the agent another way. It is
// looked for among all of the agent's destinations: what it is of is known by its
// digest. A delivery whose end is not known yet is left to its next attempt,
// which the agent answers with the receipt.
func (m *Mailbox) Report(ctx context.Context, agent *Agent, token string) (wire.ReceiptStatus, error) {
	claims, err := claimsOf(agent, token)
	if err != nil {
		return "", err
	}
	rows, err := m.outbox.List(ctx, outbox.Filter{Agent: agent.Name, Secret: claims.Secret})
	if err != nil {
		return "", err
	}
	status, refusal := wire.ReceiptStatus(""), fmt.Errorf("%w: version %d", ErrNotDelivered, claims.Version)
	for _, row := range rows {
		if row.DeliveredVersion < claims.Version || row.Version == claims.Version && row.State != outbox.Delivered {
			continue
		}
		d, err := m.outbox.Get(ctx, row.Key)
		if err != nil {
			return "", err
		}
		taken, err := m.take(ctx, d, claims, token)
		switch {
		case err == nil && status != wire.ReceiptTaken:
			status = taken
		case errors.Is(err, ErrMismatch) || errors.Is(err, ErrLate):
			refusal = err
		case err != nil:
			return "", err
		}
	}
	if status == "" {
		return "", refusal
	}
	return status, nil
}

// claimsOf reads a receipt that one of the agent's keys signed.
func claimsOf(agent *Agent, token string) (receipt.Claims, error) {
	claims, err := receipt.Verify(token, agent.SigningKeys...)
	if err != nil {
		return receipt.Claims{}, fmt.Errorf("%w: %w", ErrForged, err)
	}
	return claims, nil
}

// take holds a receipt to a delivery and stores it.
func (m *Mailbox) take(ctx context.Context, d outbox.Delivery, claims receipt.Claims, token string) (wire.ReceiptStatus, error) {
	if err := m.check(d, claims); err != nil {
		if errors.Is(err, ErrLate) && token == d.Receipt {
			return wire.ReceiptKnown, nil
		}
		return "", err
	}
	now := time.Now()
	err := m.outbox.Acknowledge(ctx, outbox.Acknowledgement{
		Key: d.Key, Version: claims.Version, Receipt: token, At: now, Audit: entry(d, claims, now),
	})
	switch {
	case errors.Is(err, outbox.ErrAcknowledged):
		return wire.ReceiptKnown, nil
	case err != nil:
		return "", err
	}
	m.log.Info().Str("agent", d.Agent).Str("destination", d.Destination).Str("secret", d.Secret).
		Int64("version", claims.Version).Str("action", string(claims.Action)).Msg("acknowledged by the agent")
	return wire.ReceiptTaken, nil
}

// check holds a receipt to the statement of a delivery. That of an older version
// is not kept, so its receipt can be of anything and is not taken.
func (m *Mailbox) check(d outbox.Delivery, claims receipt.Claims) error {
	want := statement.Claims{
		Issuer: m.issuer, Agent: d.Agent, Secret: d.Secret, Version: claims.Version,
		Operation: claims.Operation, Digest: claims.Digest,
	}
	if claims.Version == d.Version {
		want.Operation, want.Digest = d.Operation, statement.Digest(d.Envelope)
	}
	if err := claims.Check(want); err != nil {
		return fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	switch {
	case claims.Version > d.Version:
		return fmt.Errorf("%w: its version is %d, and the latest for the agent is %d", ErrMismatch, claims.Version, d.Version)
	case claims.Version < d.Version:
		return fmt.Errorf("%w: its version is %d, and %d waits or is there", ErrLate, claims.Version, d.Version)
	case d.Statement == "":
		return fmt.Errorf("%w: version %d could not be sealed for it", ErrMismatch, d.Version)
	}
	return nil
}

func entry(d outbox.Delivery, claims receipt.Claims, now time.Time) audit.Entry {
	return audit.Entry{
		At: now, Kind: audit.DeliveryDelivered, Actor: "agent/" + d.Agent, EventID: d.EventID, Secret: d.Secret,
		Version: claims.Version, Operation: claims.Operation, Agents: []string{d.Agent}, Destination: d.Destination,
		Detail: fmt.Sprintf("receipt: applied at %s, action %s", claims.AppliedAt.Format(time.RFC3339), claims.Action),
	}
}
