package azure

import (
	"context"
	"errors"
	"time"
)

// A name that was just deleted, recovered or purged cannot be used for some seconds.
const (
	busyTries = 8
	busyFirst = 250 * time.Millisecond
	busyMost  = 4 * time.Second
)

// WhileBusy does something until the name that it needs is not busy any longer, for
// about twenty seconds. If the name was deleted and is kept for recovery, deleted is
// done, once, and then all again; nil leaves that to the caller.
func WhileBusy(ctx context.Context, do, deleted func() error) error {
	for try := range busyTries {
		err := do()
		e, ok := errors.AsType[*Error](err)
		if !ok || !errors.Is(err, ErrConflict) || try == busyTries-1 {
			return err
		}
		switch e.Inner {
		case Deleting, Recovering:
		case Deleted:
			// What was asked to be recovered or purged may be seen as deleted for some
			// time yet.
			if try > 0 && deleted == nil {
				break
			}
			if deleted == nil {
				return err
			}
			if err := deleted(); err != nil {
				return err
			}
			deleted = nil
		default:
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
	return nil
}

// UntilFound does something until it finds what it looks for, in so many tries at
// most; what is not found then is ErrNotFound.
func UntilFound(ctx context.Context, tries int, do func() error) error {
	for try := 0; ; try++ {
		if err := do(); !errors.Is(err, ErrNotFound) || try >= min(tries, busyTries)-1 {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// Tries is how often to look for what takes some seconds to be there.
const Tries = busyTries

// pause waits, longer with each try.
func pause(ctx context.Context, try int) error {
	timer := time.NewTimer(min(busyFirst<<try, busyMost))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
