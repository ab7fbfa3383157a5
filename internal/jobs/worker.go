package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// How soon a runner that waits sees what another process has added. There may be
// thousands of agents.
const (
	claimPoll      = time.Second
	claimPollAgent = 10 * time.Second
)

// ErrClosed says that the service stops.
var ErrClosed = errors.New("the service stops")

// ErrEnd says that what a runner reports is not how a run can end.
var ErrEnd = errors.New("it is not exactly one of a result, stopped and given back")

func (e End) check() error {
	ways := 0
	for _, way := range []bool{slices.Contains(outbox.RunResults, e.Result), e.Stopped, e.GivenBack} {
		if way {
			ways++
		}
	}
	if ways != 1 || e.Result != "" && (e.Stopped || e.GivenBack) {
		return ErrEnd
	}
	return nil
}

// For is where a runner turns to: an agent, or the service itself if its name is empty.
// It sees its own runs alone; those of others are outbox.ErrNoRun to it.
func (d *Desk) For(runner string) Work { return &worker{d, runner} }

type worker struct {
	desk   *Desk
	runner string
}

// Claim implements Work. It returns ErrClosed after the desk was closed.
func (w *worker) Claim(ctx context.Context) (outbox.Run, error) {
	for {
		// Listening comes before the look, so that nothing is missed between.
		bell, closed := w.desk.listen()
		if closed {
			return outbox.Run{}, ErrClosed
		}
		at, there, err := w.desk.Jobs.NextRun(ctx, w.runner)
		if err != nil {
			return outbox.Run{}, err
		}
		now := time.Now()
		wait := claimPoll
		if w.runner != "" {
			wait = claimPollAgent
		}
		switch {
		case there && !at.After(now):
			// A look costs no write; only what is due is claimed.
			run, ok, err := w.desk.Jobs.ClaimRun(ctx, w.runner, now, Lease, MaxClaims)
			if err != nil {
				return run, err
			}
			if ok {
				present, err := w.desk.present(run)
				if err == nil {
					return present, nil
				}
				if err := w.refuse(ctx, run, err); err != nil {
					return run, err
				}
				continue
			}
		case there:
			wait = min(wait, at.Sub(now))
		}
		if err := rest(ctx, bell, wait); err != nil {
			return outbox.Run{}, err
		}
	}
}

// refuse ends a run that is none of the configuration's any more.
func (w *worker) refuse(ctx context.Context, run outbox.Run, why error) error {
	done := outbox.RunEnd{ID: run.ID, Fence: run.Fence, State: outbox.RunEnded, Result: outbox.RunFailure, Message: cut(why.Error()), At: time.Now()}
	if err := w.desk.Jobs.EndRun(ctx, done, nil); err != nil && !errors.Is(err, outbox.ErrFenced) {
		return err
	}
	w.desk.tell(run, done)
	return nil
}

func rest(ctx context.Context, bell <-chan struct{}, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-bell:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// own reads a run of the runner.
func (w *worker) own(ctx context.Context, id string) (outbox.Run, error) {
	run, err := w.desk.Jobs.GetRun(ctx, id)
	if err == nil && run.Runner != w.runner {
		return outbox.Run{}, fmt.Errorf("%w: %s", outbox.ErrNoRun, id)
	}
	return run, err
}

// Extend implements Work.
func (w *worker) Extend(ctx context.Context, id string, fence int64) (stop bool, err error) {
	if _, err := w.own(ctx, id); err != nil {
		return false, err
	}
	return w.desk.Jobs.ExtendRun(ctx, id, fence, time.Now().Add(Lease))
}

// Append implements Work.
func (w *worker) Append(ctx context.Context, id string, fence int64, seq int, chunk []byte) error {
	run, err := w.own(ctx, id)
	if err != nil {
		return err
	}
	if len(chunk) > MaxChunk || run.Output+int64(len(chunk)) > MaxOutput {
		return fmt.Errorf("%w: it is longer than %d bytes, or the output than %d", outbox.ErrOutput, MaxChunk, MaxOutput)
	}
	return w.desk.Jobs.AppendOutput(ctx, id, fence, seq, chunk)
}

// Sign implements Work.
func (w *worker) Sign(ctx context.Context, id string, fence int64, csr []byte) ([]byte, error) {
	run, err := w.own(ctx, id)
	if err != nil {
		return nil, err
	}
	if run.State != outbox.RunRunning || run.Fence != fence {
		return nil, outbox.ErrFenced
	}
	// The job is looked up in the configuration that holds: what a run was added with
	// gives no right to a certificate any more if the job is gone or another one now.
	definition := w.desk.Definitions()[run.Job]
	if run.Kind != KindReEnrol || definition.Kind != KindReEnrol || definition.Runner != w.runner || definition.Authority == nil {
		return nil, fmt.Errorf("%w: job %s is not one of the kind %s with an authority", ErrNotSigned, run.Job, KindReEnrol)
	}
	certificates, err := definition.Authority.sign(ctx, definition.Settings, csr)
	if err != nil {
		w.desk.Log.Error().Err(err).Str("job", run.Job).Str("run", id).Str("agent", w.runner).Msg("a request for a certificate was not signed")
		return nil, err
	}
	w.desk.Log.Info().Str("job", run.Job).Str("run", id).Str("agent", w.runner).Msg("a request for a certificate was signed")
	return certificates, nil
}

// End implements Work. It returns ErrEnd for an end that is none.
func (w *worker) End(ctx context.Context, id string, fence int64, end End) error {
	if err := end.check(); err != nil {
		return err
	}
	run, err := w.own(ctx, id)
	if err != nil {
		return err
	}
	now := time.Now()
	if end.GivenBack {
		return w.desk.Jobs.EndRun(ctx, outbox.RunEnd{ID: id, Fence: fence, State: outbox.RunWaiting, At: now}, nil)
	}
	done := outbox.RunEnd{ID: id, Fence: fence, State: outbox.RunEnded, Result: end.Result, Message: cut(end.Message), At: now}
	if end.Stopped {
		done.State, done.Result = outbox.RunCancelled, ""
	} else {
		w.desk.follow(ctx, run, end, &done)
	}
	if err := w.desk.Jobs.EndRun(ctx, done, nil); err != nil {
		return err
	}
	if w.desk.Changed != nil && end.Changed != "" && w.runner == "" {
		w.desk.Changed(end.Changed)
	}
	w.desk.tell(run, done)
	return nil
}
