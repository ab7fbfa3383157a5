package action

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/agent/config"
)

// maxDebounce bounds how long an action waits while changes keep coming, in
// debounces.
const maxDebounce = 10

// request is a change that waits for the action.
type request struct {
	change Change
	done   func(error)
}

// worker takes one action, one run after the other.
type worker struct {
	config.Action
	steps *steps
	log   zerolog.Logger

	mu      sync.Mutex
	waiting []request
	// wake has room for one note that something was added.
	wake chan struct{}
}

func (w *worker) add(r request) {
	w.mu.Lock()
	w.waiting = append(w.waiting, r)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) run(ctx context.Context) {
	for w.settled(ctx) {
		w.mu.Lock()
		batch := w.waiting
		w.waiting = nil
		w.mu.Unlock()
		err := w.do(batch)
		for _, r := range batch {
			r.done(err)
		}
	}
}

// settled waits for a change, and until no further one has come for Debounce;
// false if ctx ended.
func (w *worker) settled(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-w.wake:
	}
	quiet := time.NewTimer(w.Debounce)
	defer quiet.Stop()
	latest := time.NewTimer(maxDebounce * w.Debounce)
	defer latest.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-quiet.C:
			return true
		case <-latest.C:
			return true
		case <-w.wake:
			quiet.Reset(w.Debounce)
		}
	}
}

// do makes a run, which the end of the agent does not interrupt: a command that
// was cut off halfway could leave anything behind.
func (w *worker) do(batch []request) error {
	ctx, cancel := context.WithTimeout(context.Background(), w.Timeout)
	defer cancel()
	changes := make([]Change, len(batch))
	for i, r := range batch {
		changes[i] = r.change
	}
	err := w.steps.take(ctx, changes)
	if err != nil {
		w.log.Error().Err(err).Int("changes", len(batch)).Msg("action failed")
		return err
	}
	w.log.Info().Int("changes", len(batch)).Msg("action taken")
	return nil
}
