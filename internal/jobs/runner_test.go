package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func done(message string) jobs.Kind {
	return func(context.Context, jobs.Task) (jobs.Report, error) { return jobs.Report{Message: message}, nil }
}

// await ends with its task.
func await(ctx context.Context, _ jobs.Task) (jobs.Report, error) {
	<-ctx.Done()
	return jobs.Report{}, fmt.Errorf("broke off: %w", ctx.Err())
}

func TestResults(t *testing.T) {
	for name, test := range map[string]struct {
		do      jobs.Kind
		result  outbox.RunResult
		message string
	}{
		"success": {done("2 of 2"), outbox.RunSuccess, "2 of 2"},
		"warning": {func(context.Context, jobs.Task) (jobs.Report, error) {
			return jobs.Report{Warning: true, Message: "1 of 2"}, nil
		}, outbox.RunWarning, "1 of 2"},
		"failure": {func(context.Context, jobs.Task) (jobs.Report, error) {
			return jobs.Report{}, errors.New("the store is away")
		}, outbox.RunFailure, "the store is away"},
		"failure after something": {func(context.Context, jobs.Task) (jobs.Report, error) {
			return jobs.Report{Message: "1 added"}, errors.New("the store is away")
		}, outbox.RunFailure, "1 added; the store is away"},
		"a defect": {func(context.Context, jobs.Task) (jobs.Report, error) {
			panic("secret of a parser")
		}, outbox.RunFailure, "a defect of sealrelay; its log has the details"},
		"too long":       {await, outbox.RunFailure, "it took longer than 1h0m0s: broke off: context deadline exceeded"},
		"a long message": {done(strings.Repeat("ä", jobs.MaxMessage)), outbox.RunSuccess, strings.Repeat("ä", (jobs.MaxMessage-4)/2) + " ..."},
		"not here":       {nil, outbox.RunFailure, `jobs of the kind "work" are not done here`},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(t *testing.T, o *office) {
				o.define(jobs.Definition{Name: "work"}, test.do)
				defer o.running(o.For(""))()
				got := o.ended(o.start(jobs.Order{Job: "work"}).ID)
				if got.Result != test.result || got.Message != test.message {
					t.Errorf("%s: %q, want %s: %q", got.Result, got.Message, test.result, test.message)
				}
			})
		})
	}
}

// What is put out can be read while the task goes on, and is whole at the end.
func TestOutputIsStreamed(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		goOn := make(chan struct{})
		o.define(jobs.Definition{Name: "work"}, func(_ context.Context, task jobs.Task) (jobs.Report, error) {
			fmt.Fprintln(task.Output, "first")
			<-goOn
			for n := range 30_000 {
				if _, err := fmt.Fprintln(task.Output, "line", n); err != nil {
					return jobs.Report{}, err
				}
			}
			return jobs.Report{}, nil
		})
		defer o.running(o.For(""))()
		id := o.start(jobs.Order{Job: "work"}).ID
		pass(jobs.Lease)
		if got := o.output(id); got != "first\n" || o.get(id).State != outbox.RunRunning {
			t.Errorf("of a run that is %s, the output is %q", o.get(id).State, got)
		}
		close(goOn)
		got := o.ended(id)
		output := o.output(id)
		if lines := strings.Split(output, "\n"); len(lines) != 30_002 || lines[30_000] != "line 29999" || got.Output != int64(len(output)) {
			t.Errorf("%d lines, %d bytes of %d", len(lines), len(output), got.Output)
		}
	})
}

func TestOutputIsBounded(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "work"}, func(_ context.Context, task jobs.Task) (jobs.Report, error) {
			for range jobs.MaxOutput/(1<<20) + 1 {
				if n, err := task.Output.Write(bytes.Repeat([]byte("x"), 1<<20)); n != 1<<20 || err != nil {
					t.Errorf("wrote %d: %v", n, err)
				}
			}
			return jobs.Report{Message: "all"}, nil
		})
		defer o.running(o.For(""))()
		got := o.ended(o.start(jobs.Order{Job: "work"}).ID)
		if got.Result != outbox.RunWarning || got.Output != jobs.MaxOutput || !strings.HasPrefix(got.Message, "1048576 bytes of the output were left out") {
			t.Errorf("%s, %d bytes: %q", got.Result, got.Output, got.Message)
		}
	})
}

// A task that takes longer than a lease keeps its run.
func TestLeaseIsExtended(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		var begun atomic.Int32
		o.define(jobs.Definition{Name: "work"}, func(context.Context, jobs.Task) (jobs.Report, error) {
			begun.Add(1)
			pass(10 * jobs.Lease)
			return jobs.Report{}, nil
		})
		defer o.running(o.For(""))()
		defer o.running(o.For(""))()
		if got := o.ended(o.start(jobs.Order{Job: "work"}).ID); got.Result != outbox.RunSuccess || got.Claims != 1 || begun.Load() != 1 {
			t.Errorf("%s after %d claims, begun %d times", got.Result, got.Claims, begun.Load())
		}
	})
}

// The run of a runner that died is done by another one, which begins anew.
func TestDeadRunner(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "work"}, done("whole"))
		id := o.start(jobs.Order{Job: "work"}).ID
		dead, err := o.For("").Claim(t.Context())
		if err != nil || dead.ID != id {
			t.Fatal(dead.ID, err)
		}
		defer o.running(o.For(""))()
		if got := o.ended(id); got.Result != outbox.RunSuccess || got.Claims != 2 || got.StartedAt.Sub(dead.StartedAt) < jobs.Lease {
			t.Errorf("%s after %d claims, the last %v after the first", got.Result, got.Claims, got.StartedAt.Sub(dead.StartedAt))
		}
		if err := o.For("").End(t.Context(), id, dead.Fence, jobs.End{Result: outbox.RunFailure}); !errors.Is(err, outbox.ErrFenced) {
			t.Errorf("a runner that came back: %v, want ErrFenced", err)
		}
	})
}

// A runner of whom nothing can be heard stops, as another one will do its run.
func TestLostRun(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		stopped := make(chan time.Duration, 1)
		o.define(jobs.Definition{Name: "work"}, func(ctx context.Context, _ jobs.Task) (jobs.Report, error) {
			began := time.Now()
			<-ctx.Done()
			stopped <- time.Since(began)
			return jobs.Report{}, ctx.Err()
		})
		cut := &cutOff{Work: o.For("")}
		stop := o.running(cut)
		id := o.start(jobs.Order{Job: "work"}).ID
		synctest.Wait()
		cut.off.Store(true)
		if after := <-stopped; after > jobs.Lease+time.Minute {
			t.Errorf("stopped after %v, its lease is %v", after, jobs.Lease)
		}
		stop()
		if got := o.get(id); !got.EndedAt.IsZero() || got.Result != "" {
			t.Errorf("the run is %s %s, and nobody said that it ended", got.State, got.Result)
		}
	})
}

// cutOff is work that cannot be reached any more.
type cutOff struct {
	jobs.Work
	off atomic.Bool
}

func (c *cutOff) Extend(ctx context.Context, id string, fence int64) (bool, error) {
	if c.off.Load() {
		return false, errors.New("no route to host")
	}
	return c.Work.Extend(ctx, id, fence)
}

// A runner that is stopped gives its runs back, at once and as often as it is.
func TestGivenBack(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "work"}, await)
		id := o.start(jobs.Order{Job: "work"}).ID
		for range jobs.MaxClaims + 2 {
			stop := o.running(o.For(""))
			synctest.Wait()
			if got := o.get(id); got.State != outbox.RunRunning {
				t.Fatalf("the run is %s", got.State)
			}
			stop()
			if got := o.get(id); got.State != outbox.RunWaiting {
				t.Fatalf("the run is %s: %s", got.State, got.Message)
			}
		}
		o.define(jobs.Definition{Name: "work"}, done("whole"))
		defer o.running(o.For(""))()
		if got := o.ended(id); got.Result != outbox.RunSuccess {
			t.Errorf("%s: %s", got.Result, got.Message)
		}
	})
}

func TestCancelRunning(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "work"}, await)
		defer o.running(o.For(""))()
		id := o.start(jobs.Order{Job: "work"}).ID
		synctest.Wait()
		told, err := o.Cancel(t.Context(), id, "operator/x")
		if err != nil || told.State != outbox.RunRunning {
			t.Fatalf("told %+v, %v", told, err)
		}
		if got := o.ended(id); got.State != outbox.RunCancelled || got.Result != "" || got.Message != "stopped by an operator: broke off: context canceled" {
			t.Errorf("%s %s: %q", got.State, got.Result, got.Message)
		}
		if _, err := o.Cancel(t.Context(), id, "operator/x"); !errors.Is(err, outbox.ErrNoRun) {
			t.Errorf("cancel again: %v", err)
		}
	})
}
