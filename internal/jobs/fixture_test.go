package jobs_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// office is a desk over an outbox, with the runs and the clock of one test.
type office struct {
	*jobs.Desk
	t     *testing.T
	store *sqlite.Outbox

	mu          sync.Mutex
	definitions map[string]jobs.Definition
	kinds       map[string]jobs.Kind
}

// inOffice runs a test whose clock is its own: it moves on when everybody waits.
func inOffice(t *testing.T, test func(*testing.T, *office)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outbox.db")
	synctest.Test(t, func(t *testing.T) {
		store, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		o := &office{t: t, store: store, definitions: map[string]jobs.Definition{}, kinds: map[string]jobs.Kind{}}
		o.Desk = jobs.NewDesk(jobs.DeskOptions{Jobs: store, Definitions: o.defined, Log: zerolog.Nop()})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { o.Run(ctx) })
		defer func() {
			stop()
			running.Wait()
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(t, o)
	})
}

// pass lets time pass by the test's clock.
func pass(d time.Duration) { <-time.After(d) }

func (o *office) defined() map[string]jobs.Definition {
	o.mu.Lock()
	defer o.mu.Unlock()
	copied := map[string]jobs.Definition{}
	for name, d := range o.definitions {
		copied[name] = d
	}
	return copied
}

// define puts a job in force whose kind has its own name.
func (o *office) define(d jobs.Definition, do jobs.Kind) {
	if d.Kind == "" {
		d.Kind = d.Name
	}
	if d.Timeout == 0 {
		d.Timeout = time.Hour
	}
	if d.Settings == nil {
		d.Settings = json.RawMessage(`{}`)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.definitions[d.Name] = d
	if do != nil {
		o.kinds[d.Kind] = do
	}
}

// running runs a runner until stop is called.
func (o *office) running(work jobs.Work) (stop func()) {
	runner := jobs.NewRunner(jobs.RunnerOptions{
		Work: work, Together: 2, Log: zerolog.Nop(),
		Kinds: func() map[string]jobs.Kind {
			o.mu.Lock()
			defer o.mu.Unlock()
			copied := map[string]jobs.Kind{}
			for name, kind := range o.kinds {
				copied[name] = kind
			}
			return copied
		},
	})
	ctx, cancel := context.WithCancel(o.t.Context())
	var done sync.WaitGroup
	done.Go(func() { runner.Run(ctx) })
	return func() {
		cancel()
		done.Wait()
	}
}

func (o *office) start(order jobs.Order) outbox.Run {
	o.t.Helper()
	if order.Actor == "" {
		order.Actor = "operator/x"
	}
	run, err := o.Start(o.t.Context(), order)
	if err != nil {
		o.t.Fatal(err)
	}
	return run
}

func (o *office) get(id string) outbox.Run {
	o.t.Helper()
	run, err := o.store.GetRun(o.t.Context(), id)
	if err != nil {
		o.t.Fatal(err)
	}
	return run
}

func (o *office) runs(filter outbox.RunFilter) []outbox.Run {
	o.t.Helper()
	runs, err := o.store.Runs(o.t.Context(), filter)
	if err != nil {
		o.t.Fatal(err)
	}
	return runs
}

func (o *office) output(id string) string {
	o.t.Helper()
	var output []byte
	if err := o.store.Output(o.t.Context(), id, func(chunk []byte) error { output = append(output, chunk...); return nil }); err != nil {
		o.t.Fatal(err)
	}
	return string(output)
}

// ended waits until a run is over.
func (o *office) ended(id string) outbox.Run {
	o.t.Helper()
	for range 10_000 {
		run := o.get(id)
		if run.State == outbox.RunEnded || run.State == outbox.RunCancelled {
			return run
		}
		pass(10 * time.Second) // of the test's clock
	}
	o.t.Fatalf("run %s does not end: %+v", id, o.get(id))
	return outbox.Run{}
}
