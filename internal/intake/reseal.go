package intake

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// Reseal is a value that was in escrow, to be sealed anew for whoever gets the
// secret now.
type Reseal struct {
	Secret string
	// Version is the one whose value it is, which must be the latest still.
	Version int64
	Value   *hooks.Value
	// Source is who sent it, by which routes choose; see Rules.Receivers.
	Source string
	// Operator is who asked, as audit.Entry has it.
	Operator string
	At       time.Time
}

// Reseal commits the value as the next version of its secret, so that agents
// take it as they take any other. It wipes the value. outbox.ErrConflict says
// that another version came first, and nothing was done; the other errors are
// those of Accept.
func (in *Intake) Reseal(ctx context.Context, r Reseal) (wire.Answer, error) {
	defer r.Value.Wipe()
	defer in.locks.lock(r.Secret)()
	prior, err := in.store.Prior(ctx, r.Source, "", r.Secret)
	switch {
	case err != nil:
		return wire.Answer{}, err
	case prior.Version != r.Version:
		return wire.Answer{}, fmt.Errorf("%w: version %d is the latest of %s", outbox.ErrConflict, prior.Version, r.Secret)
	}
	rules := in.Rules()
	ev := &event{
		// The value is as old as it was, so that a change that comes late is not
		// taken for an older one.
		Event:  hooks.Event{ID: "reseal_" + rand.Text(), Secret: r.Secret, Operation: hooks.Set, Value: r.Value, OccurredAt: prior.OccurredAt},
		source: &Source{Name: cmp.Or(r.Source, "reseal"), rules: rules}, received: r.At, operator: r.Operator,
		targets: rules.Receivers(r.Source, r.Secret),
	}
	if len(ev.targets) == 0 {
		return wire.Answer{}, fmt.Errorf("%w: no route leads %s to an agent with a key and a destination", ErrNoRoute, r.Secret)
	}
	in.addressed(ev)
	sealed, err := in.seal(ev, r.Version+1)
	if err != nil {
		return wire.Answer{}, err
	}
	digest, err := in.digests.ofValue(ev, func(i int) bool { return sealed[i].Blocked == "" })
	if err != nil {
		return wire.Answer{}, err
	}
	return in.commit(ctx, ev, r.Version+1, digest, sealed)
}
