package bundle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// Collect reads what the destination of an agent should have: the wanted version
// of each secret, whether it is there or not. Left out, and returned by name, are
// the secrets that have none for it: their latest version could not be sealed
// for the agent, or is not routed to it any more.
func Collect(ctx context.Context, store outbox.Outbox, at outbox.Destination) (deliveries []wire.Delivery, left []string, err error) {
	filter := outbox.Filter{Agent: at.Agent, Destination: at.Destination}
	for {
		page, err := store.List(ctx, filter)
		if err != nil || len(page) == 0 {
			return deliveries, left, err
		}
		for _, row := range page {
			delivery, ok, err := wanted(ctx, store, row.Key)
			if err != nil {
				return nil, nil, err
			}
			if ok {
				deliveries = append(deliveries, delivery)
			} else {
				left = append(left, row.Secret)
			}
		}
		filter.After = &page[len(page)-1].Key
	}
}

// wanted reads a delivery unless it has nothing to deliver, or only what must not
// be sent any more.
func wanted(ctx context.Context, store outbox.Outbox, key outbox.Key) (wire.Delivery, bool, error) {
	row, err := store.Get(ctx, key)
	if err != nil {
		return wire.Delivery{}, false, err
	}
	latest, err := store.Secrets(ctx, outbox.SecretFilter{Name: key.Secret})
	if err != nil {
		return wire.Delivery{}, false, err
	}
	current := len(latest) == 1 && latest[0].Version == row.Version
	if !current || row.State == outbox.Blocked || row.Statement == "" {
		return wire.Delivery{}, false, nil
	}
	return wire.Delivery{Envelope: row.Envelope, Statement: row.Statement}, true, nil
}

// Outcome is what became of receipts.
type Outcome struct {
	// Taken are those that told something new, Known those of versions that were
	// acknowledged before, or replaced by one that was.
	Taken, Known int
}

// ErrUnknown says that a receipt is of no delivery that the outbox has, or of a
// version that it has not come to: it was restored, or the agent is another's.
var ErrUnknown = errors.New("receipt is of a delivery that the outbox does not have")

// Acknowledge records the receipts in the outbox for who imports them, each with
// an audit row. A file can be imported again: what was recorded is known then.
func (r *Receipts) Acknowledge(ctx context.Context, store outbox.Outbox, importer string) (Outcome, error) {
	var done Outcome
	for _, received := range r.Receipts {
		err := r.acknowledge(ctx, store, received, importer)
		switch {
		case errors.Is(err, outbox.ErrAcknowledged):
			done.Known++
		case err != nil:
			return done, fmt.Errorf("receipt for version %d of %s: %w", received.Claims.Version, received.Claims.Secret, err)
		default:
			done.Taken++
		}
	}
	return done, nil
}

func (r *Receipts) acknowledge(ctx context.Context, store outbox.Outbox, received Received, importer string) error {
	claims := received.Claims
	key := outbox.Key{Agent: r.From, Destination: r.Destination, Secret: claims.Secret}
	row, err := store.Get(ctx, key)
	switch {
	case errors.Is(err, outbox.ErrNotFound):
		return ErrUnknown
	case err != nil:
		return err
	case claims.Version > row.Version:
		return fmt.Errorf("%w: version %d is wanted; was the outbox restored from a copy?", ErrUnknown, row.Version)
	case claims.Version == row.Version && received.Statement != row.Statement:
		return fmt.Errorf("%w: the version was sealed again; export a bundle and apply it", ErrUnknown)
	}
	eventID := ""
	if claims.Version == row.Version {
		eventID = row.EventID
	}
	now := time.Now()
	return store.Acknowledge(ctx, outbox.Acknowledgement{
		Key: key, Version: claims.Version, Receipt: received.Receipt.Receipt, At: now,
		Audit: audit.Entry{
			At: now, Kind: audit.DeliveryDelivered, Actor: "agent/" + r.From, EventID: eventID, Secret: claims.Secret, Version: claims.Version,
			Operation: claims.Operation, Agents: []string{r.From}, Destination: r.Destination, Detail: "receipts imported by " + importer,
		},
	})
}
