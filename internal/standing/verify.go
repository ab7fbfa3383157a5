package standing

import (
	"context"
	"errors"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

const (
	// looksAtOnce leaves most of what a vault answers in a second to the service.
	looksAtOnce = 8
	// lookWithin bounds one look, which may have to wait until a destination that is
	// throttled takes questions again.
	lookWithin = 2 * time.Minute
	// looks is how often a delivery is looked at that changes meanwhile.
	looks = 3
)

// DeliveryStore tells of deliveries.
type DeliveryStore interface {
	List(ctx context.Context, filter outbox.Filter) ([]outbox.Delivery, error)
	Get(ctx context.Context, key outbox.Key) (outbox.Delivery, error)
}

// Verification is what was found of a delivery at its destination.
type Verification struct {
	outbox.Key
	// DeliveredVersion is the one that should be there.
	DeliveredVersion int64 `json:"delivered_version"`
	// Found is empty if it could not be looked at, for Problem.
	Found   deliver.FindingState `json:"found,omitempty"`
	Detail  string               `json:"detail,omitempty"`
	Problem string               `json:"problem,omitempty"`
}

// Verify looks whether what was delivered of the deliveries that the filter selects is
// still there, several at a time, and calls visit for each in the order of their keys.
// It returns how many are where nobody can look: at a destination of another kind, or of
// none in the configuration. Nothing is written anywhere. An error of visit ends it.
func Verify(ctx context.Context, store DeliveryStore, resolve func(agent, destination string) (deliver.Destination, error), filter outbox.Filter, visit func(Verification) error) (elsewhere int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// One is being waited for by the loop below, so that there are looksAtOnce of them.
	under := make(chan chan Verification, looksAtOnce-1)
	listed := make(chan error, 1)
	go func() {
		defer close(under)
		listed <- eachDelivered(ctx, store, filter, func(key outbox.Key) error {
			destination, err := resolve(key.Agent, key.Destination)
			verifiable, ok := destination.(deliver.Verifiable)
			if err != nil || !ok {
				elsewhere++
				return nil //nolint:nilerr // A destination that is not configured is one where nobody can look.
			}
			result := make(chan Verification, 1)
			select {
			case under <- result:
			case <-ctx.Done():
				return ctx.Err()
			}
			go func() { result <- verify(ctx, store, verifiable, key) }()
			return nil
		})
	}()
	for result := range under {
		verification := <-result
		if err != nil || ctx.Err() != nil {
			continue // What is under way ends before this does.
		}
		if err = visit(verification); err != nil {
			cancel()
		}
	}
	if listErr := <-listed; err == nil {
		err = listErr
	}
	if err == nil {
		err = ctx.Err()
	}
	return elsewhere, err
}

// eachDelivered calls visit for the deliveries of which some version was delivered.
func eachDelivered(ctx context.Context, store DeliveryStore, filter outbox.Filter, visit func(outbox.Key) error) error {
	for {
		page, err := store.List(ctx, filter)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, delivery := range page {
			if delivery.DeliveredVersion == 0 {
				continue
			}
			if err := visit(delivery.Key); err != nil {
				return err
			}
		}
		filter.After = &page[len(page)-1].Key
	}
}

// verify looks at one delivery, and again if the service settled it meanwhile: then it
// may have written what was found.
func verify(ctx context.Context, store DeliveryStore, destination deliver.Verifiable, key outbox.Key) Verification {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	found := Verification{Key: key}
	delivery, err := store.Get(ctx, key)
	for range looks {
		if err != nil {
			break
		}
		found.DeliveredVersion = delivery.DeliveredVersion
		var finding deliver.Finding
		if finding, err = destination.Verify(ctx, delivery); err != nil {
			break
		}
		found.Found, found.Detail = finding.State, finding.Detail
		if finding.State == deliver.Intact {
			break
		}
		var now outbox.Delivery
		if now, err = store.Get(ctx, key); now.Version == delivery.Version && now.DeliveredVersion == delivery.DeliveredVersion {
			break
		}
		delivery = now
	}
	if err != nil {
		found.Found, found.Detail, found.Problem = "", "", err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			found.Problem = "it could not be looked at within " + lookWithin.String()
		}
	}
	return found
}
