package standing

import (
	"context"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Delivery is what an operator is shown of a delivery.
type Delivery struct {
	outbox.Key
	State            outbox.State `json:"state"`
	Operation        string       `json:"operation"`
	Version          int64        `json:"version"`
	DeliveredVersion int64        `json:"delivered_version"`
	Format           string       `json:"format,omitempty"`
	KeyID            string       `json:"key_id,omitempty"`
	Source           string       `json:"source"`
	EventID          string       `json:"event_id"`
	Attempts         int          `json:"attempts"`
	Reason           string       `json:"reason,omitempty"`
	Next             *time.Time   `json:"next,omitempty"`
	AcceptedAt       *time.Time   `json:"accepted_at,omitempty"`
	DeliveredAt      *time.Time   `json:"delivered_at,omitempty"`
	// Applied is what the agent's receipt says.
	Applied *Applied `json:"applied,omitempty"`
	// Held is why a pending delivery is not tried.
	Held []Hold `json:"held,omitempty"`
	// Envelope, Statement, Receipt and LastAttempts are there where one delivery
	// is shown, not in a listing.
	Envelope     []byte           `json:"envelope,omitempty"`
	Statement    string           `json:"statement,omitempty"`
	Receipt      string           `json:"receipt,omitempty"`
	LastAttempts []outbox.Attempt `json:"last_attempts,omitempty"`
}

// DeliveryOf is the delivery as it is shown in a listing.
func DeliveryOf(d outbox.Delivery, held Holds) Delivery {
	shown := Delivery{
		Key: d.Key, State: d.State, Operation: d.Operation, Version: d.Version, DeliveredVersion: d.DeliveredVersion,
		Format: d.Format, KeyID: d.KeyID, Source: d.Source, EventID: d.EventID, Attempts: d.Attempts, Reason: d.Reason,
		AcceptedAt: Known(d.AcceptedAt), DeliveredAt: Known(d.DeliveredAt), Applied: appliedOf(d), Envelope: d.Envelope, Statement: d.Statement,
	}
	if d.State == outbox.Pending {
		shown.Next, shown.Held = Known(d.Next), held.views(d.At())
	}
	return shown
}

// ReadDelivery reads all that is shown of one delivery; its error wraps
// outbox.ErrNotFound if there is none.
func ReadDelivery(ctx context.Context, store outbox.Outbox, key outbox.Key) (Delivery, error) {
	delivery, err := store.Get(ctx, key)
	if err != nil {
		return Delivery{}, err
	}
	held, err := store.Holds(ctx)
	if err != nil {
		return Delivery{}, err
	}
	shown := DeliveryOf(delivery, held)
	shown.Receipt = delivery.Receipt
	shown.LastAttempts, err = store.Attempts(ctx, key)
	return shown, err
}

// Known is nil for the zero time, so that JSON leaves it out.
func Known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// Applied is what the agent's receipt says of the version that is there.
type Applied struct {
	Version int64          `json:"version"`
	At      time.Time      `json:"at"`
	Action  receipt.Action `json:"action"`
	// Detail is why the action failed.
	Detail string `json:"detail,omitempty"`
}

// appliedOf is nil without a receipt. It was verified before it was stored.
func appliedOf(d outbox.Delivery) *Applied {
	claims, err := receipt.Parse(d.Receipt)
	if err != nil {
		return nil
	}
	return &Applied{claims.Version, claims.AppliedAt, claims.Action, claims.Detail}
}

// RetryEntry is the audit row of a retry of what the filter selects.
func RetryEntry(actor string, at time.Time, filter outbox.Filter) audit.Entry {
	states := make([]string, len(filter.States))
	for i, state := range filter.States {
		states[i] = string(state)
	}
	entry := audit.Entry{
		At: at, Kind: audit.DeliveryRetried, Actor: actor, Secret: filter.Secret,
		Destination: filter.Destination, Detail: "states " + strings.Join(states, ", "),
	}
	if filter.Agent != "" {
		entry.Agents = []string{filter.Agent}
	}
	return entry
}
