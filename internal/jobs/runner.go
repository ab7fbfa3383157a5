package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

const (
	// claimAgain is the pause after a claim that failed.
	claimAgain = 5 * time.Second
	// extendEvery is how often a lease is extended and output sent on, and so how soon a
	// task that is to stop learns of it.
	extendEvery = 10 * time.Second
	// endWithin bounds what is still told of a run when its task or runner stops.
	endWithin = 30 * time.Second
)

// The causes with which a task is stopped before it is done.
var (
	errStopped = errors.New("stopped by an operator")
	errLost    = errors.New("the run was lost: nothing could be reported of it for as long as its lease lasts, or another runner has it")
)

// RunnerOptions configure a [Runner]; all are required.
type RunnerOptions struct {
	Work Work
	// Kinds are those that hold now.
	Kinds func() map[string]Kind
	// Together is how many tasks are done at once.
	Together int
	Log      zerolog.Logger
}

// Runner does the runs that are due.
type Runner struct{ RunnerOptions }

// NewRunner returns a Runner that does nothing until Run.
func NewRunner(options RunnerOptions) *Runner { return &Runner{options} }

// Run does what is due until ctx ends. Then tasks are told to stop, and their runs are
// given back: they are done from the start by whoever claims them next. It returns when
// all have stopped.
func (r *Runner) Run(ctx context.Context) {
	var together sync.WaitGroup
	for range r.Together {
		together.Go(func() {
			for ctx.Err() == nil {
				r.next(ctx)
			}
		})
	}
	together.Wait()
}

func (r *Runner) next(ctx context.Context) {
	run, err := r.Work.Claim(ctx)
	if err == nil {
		r.do(ctx, run)
		return
	}
	if ctx.Err() == nil {
		r.Log.Error().Err(err).Msg("cannot ask for jobs; trying again")
	}
	select {
	case <-time.After(claimAgain):
	case <-ctx.Done():
	}
}

// do does a run that is claimed, and reports how it ended. Whatever is reported says
// which claim it is of: after another one it changes nothing.
func (r *Runner) do(ctx context.Context, run outbox.Run) {
	log := r.Log.With().Str("job", run.Job).Str("run", run.ID).Logger()
	log.Info().Str("kind", run.Kind).Msg("job begins")
	task, stop := context.WithCancelCause(ctx)
	out := newOutput(task, r.Work, run, stop)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		r.keep(task, stop, run, out)
	}()
	within, cancel := context.WithTimeout(task, run.Timeout)
	report, err := r.perform(within, run, out)
	timedOut := within.Err() != nil && task.Err() == nil
	cancel()
	err = errors.Join(err, out.flush())
	cause := context.Cause(task)
	stop(nil)
	<-kept
	if errors.Is(cause, errLost) {
		log.Error().Err(cause).Msg("job was stopped")
		return
	}
	end := endOf(report, err, out)
	switch {
	case errors.Is(cause, errStopped) && err != nil:
		end = End{Stopped: true, Message: cut(fmt.Sprintf("stopped by an operator: %v", err))}
	case ctx.Err() != nil && err != nil:
		end = End{GivenBack: true}
	case timedOut && err != nil:
		end.Message = cut(fmt.Sprintf("it took longer than %v: %s", run.Timeout, end.Message))
	}
	r.report(ctx, run, end, log)
}

// perform does the task. A defect in what it uses fails the run, and not those besides
// it.
func (r *Runner) perform(ctx context.Context, run outbox.Run, out *output) (report Report, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			r.Log.Error().Str("run", run.ID).Bytes("stack", debug.Stack()).Msg("a job panicked")
			err = errors.New("a defect of sealrelay; its log has the details")
		}
	}()
	kind, ok := r.Kinds()[run.Kind]
	if !ok {
		return Report{}, fmt.Errorf("jobs of the kind %q are not done here", run.Kind)
	}
	return kind(ctx, Task{
		ID: run.ID, Job: run.Job, Settings: run.Settings, Output: out,
		Sign: func(ctx context.Context, csr []byte) ([]byte, error) { return r.Work.Sign(ctx, run.ID, run.Fence, csr) },
	})
}

// keep extends the lease and sends on the output, until task ends, which it brings about
// if the run is to stop or lost.
func (r *Runner) keep(task context.Context, stop context.CancelCauseFunc, run outbox.Run, out *output) {
	tick := time.NewTicker(extendEvery)
	defer tick.Stop()
	until := time.Now().Add(Lease)
	for {
		select {
		case <-task.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		told, err := r.Work.Extend(task, run.ID, run.Fence)
		switch {
		case task.Err() != nil:
			return
		case errors.Is(err, outbox.ErrFenced), errors.Is(err, outbox.ErrNoRun), err != nil && time.Now().After(until):
			stop(errLost)
		case err != nil:
			r.Log.Warn().Err(err).Str("run", run.ID).Msg("the lease of a job cannot be extended; trying again")
		case told:
			stop(errStopped)
		default:
			until = asked.Add(Lease)
			out.flushIdle()
		}
	}
}

// endOf is the end of a task that was done or failed.
func endOf(report Report, err error, out *output) End {
	end := End{Result: outbox.RunSuccess, Message: report.Message, Changed: report.Changed}
	switch {
	case err != nil:
		end.Result, end.Message = outbox.RunFailure, err.Error()
		if report.Message != "" {
			end.Message = report.Message + "; " + end.Message
		}
	case report.Warning:
		end.Result = outbox.RunWarning
	}
	if out.left > 0 {
		end.Message = fmt.Sprintf("%d bytes of the output were left out, as it is longer than %d; %s", out.left, MaxOutput, end.Message)
		if end.Result == outbox.RunSuccess {
			end.Result = outbox.RunWarning
		}
	}
	end.Message = cut(end.Message)
	return end
}

func (r *Runner) report(ctx context.Context, run outbox.Run, end End, log zerolog.Logger) {
	within, cancel := outlasting(ctx)
	defer cancel()
	if err := r.Work.End(within, run.ID, run.Fence, end); err != nil {
		log.Error().Err(err).Msg("the end of a job could not be reported; it is done again")
		return
	}
	log.Info().Str("result", string(end.Result)).Bool("stopped", end.Stopped).Bool("given_back", end.GivenBack).Msg("job ended")
}

// outlasting bounds what is told of a run: by its lease, since a service may be away for
// that long, and by endWithin once ctx has ended.
func outlasting(ctx context.Context) (within context.Context, cancel context.CancelFunc) {
	within, end := context.WithTimeout(context.WithoutCancel(ctx), Lease)
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(endWithin)
		defer timer.Stop()
		select {
		case <-timer.C:
			end()
		case <-within.Done():
		}
	})
	return within, func() { stop(); end() }
}
