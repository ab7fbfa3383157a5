// Package standing says how those who should have a secret stand with it: what
// a key could open, and which secrets must be sent again. The service cannot
// open what it holds, so it can only tell. And it is what an operator is shown, on
// the command line and by the admin API.
package standing

import (
	"context"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Store is what is needed of the outbox.
type Store interface {
	Copies(ctx context.Context, filter outbox.SecretFilter) ([]outbox.Copies, error)
}

// HoldStore tells what is held.
type HoldStore interface {
	Holds(ctx context.Context) ([]outbox.Hold, error)
}

// QuarantineStore tells of copies and of what is held.
type QuarantineStore interface {
	Store
	HoldStore
}

// Quarantined are the agents in quarantine.
func Quarantined(ctx context.Context, store HoldStore) (map[string]bool, error) {
	holds, err := store.Holds(ctx)
	if err != nil {
		return nil, err
	}
	agents := map[string]bool{}
	for _, hold := range holds {
		if !hold.Quarantined.IsZero() {
			agents[hold.Agent] = true
		}
	}
	return agents, nil
}

// Each calls visit for the copies of every secret that the filter selects, in
// the order of their names.
func Each(ctx context.Context, store Store, filter outbox.SecretFilter, visit func(*outbox.Copies)) error {
	for {
		page, err := store.Copies(ctx, filter)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			visit(&page[i])
		}
		filter.After = page[len(page)-1].Secret
	}
}
