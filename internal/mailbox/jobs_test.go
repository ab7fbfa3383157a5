package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// desk is where one agent's runs come from.
type desk struct {
	mu      sync.Mutex
	runs    chan outbox.Run
	claims  int
	signed  int
	ended   []jobs.End
	fails   error
	claimed func(context.Context) (outbox.Run, error)
}

func (d *desk) Claim(ctx context.Context) (outbox.Run, error) {
	if d.claimed != nil {
		return d.claimed(ctx)
	}
	select {
	case run := <-d.runs:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.claims++
		run.Fence = int64(d.claims)
		return run, nil
	case <-ctx.Done():
		return outbox.Run{}, context.Cause(ctx)
	}
}

func (d *desk) Extend(context.Context, string, int64) (bool, error) { return true, d.fails }

func (d *desk) Append(context.Context, string, int64, int, []byte) error { return d.fails }

func (d *desk) Sign(_ context.Context, _ string, _ int64, csr []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.signed++
	return append([]byte("signed "), csr...), d.fails
}

func (d *desk) End(_ context.Context, _ string, _ int64, end jobs.End) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = append(d.ended, end)
	return d.fails
}

// working is a mailbox whose agent web has a desk.
type working struct {
	*mailbox.Mailbox
	desk       *desk
	web, batch *mailbox.Agent
}

func newWorking(t *testing.T) *working {
	t.Helper()
	w := &working{desk: &desk{runs: make(chan outbox.Run, 10)}, web: agent(t, "web"), batch: agent(t, "batch")}
	other := &desk{fails: outbox.ErrNoRun}
	var err error
	w.Mailbox, err = mailbox.New(mailbox.Options{
		Outbox: &rows{}, Issuer: issuer, Log: zerolog.Nop(), Agents: func(string) *mailbox.Agent { return w.web },
		Jobs: func(name string) jobs.Work {
			if name == "web" {
				return w.desk
			}
			return other
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// claimEnd is how a claim ended.
type claimEnd struct {
	run   string
	err   error
	after time.Duration
}

func (w *working) claim(ctx context.Context, by *mailbox.Agent, id string, wait time.Duration) <-chan claimEnd {
	ended := make(chan claimEnd, 1)
	go func() {
		began := time.Now()
		run, err := w.ClaimRun(ctx, by, id, wait)
		ended <- claimEnd{show(run), err, time.Since(began)}
	}()
	return ended
}

func show(run *wire.Run) string {
	if run == nil {
		return ""
	}
	return fmt.Sprintf("%s@%d for %ds", run.ID, run.Fence, run.TimeoutSeconds)
}

func TestClaimRun(t *testing.T) {
	due := func(w *working) { w.desk.runs <- outbox.Run{ID: "r1", Timeout: 1500 * time.Millisecond} }
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		wait time.Duration
		do   func(*working, context.CancelFunc)
		want claimEnd
	}{
		"nothing": {wait: 5 * time.Second, want: claimEnd{after: 5 * time.Second}},
		"longest": {wait: time.Hour, want: claimEnd{after: mailbox.MaxWait}},
		"there":   {wait: time.Minute, do: func(w *working, _ context.CancelFunc) { due(w) }, want: claimEnd{run: "r1@1 for 2s"}},
		"comes": {wait: time.Minute, do: func(w *working, _ context.CancelFunc) {
			time.AfterFunc(3*time.Second, func() { due(w) })
		}, want: claimEnd{run: "r1@1 for 2s", after: 3 * time.Second}},
		"gone": {wait: time.Minute, do: func(_ *working, cancel context.CancelFunc) {
			time.AfterFunc(3*time.Second, cancel)
		}, want: claimEnd{err: context.Canceled, after: 3 * time.Second}},
		"reloaded": {wait: time.Minute, do: func(w *working, _ context.CancelFunc) {
			time.AfterFunc(3*time.Second, w.Reloaded)
		}, want: claimEnd{after: 3 * time.Second}},
		"stopped": {wait: time.Minute, do: func(w *working, _ context.CancelFunc) {
			time.AfterFunc(3*time.Second, w.Close)
		}, want: claimEnd{after: 3 * time.Second}},
		"stopped before": {wait: time.Minute, do: func(w *working, _ context.CancelFunc) { due(w); w.Close() }, want: claimEnd{}},
		"the desk stops": {wait: time.Minute, do: func(w *working, _ context.CancelFunc) {
			w.desk.claimed = func(context.Context) (outbox.Run, error) { return outbox.Run{}, jobs.ErrClosed }
		}, want: claimEnd{}},
		"broken": {wait: time.Minute, do: func(w *working, _ context.CancelFunc) {
			w.desk.claimed = func(context.Context) (outbox.Run, error) { return outbox.Run{}, broken }
		}, want: claimEnd{err: broken}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorking(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tc.do != nil {
					tc.do(w, cancel)
				}
				got := <-w.claim(ctx, w.web, "c", tc.wait)
				if got.run != tc.want.run || got.after != tc.want.after || !errors.Is(got.err, tc.want.err) {
					t.Errorf("got %+v, want %+v", got, tc.want)
				}
			})
		})
	}
}

// TestClaimAgain: the same claim gets the same answer, and never the run of another
// agent; a run that was given out long ago is not given out again.
func TestClaimAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		w.desk.runs <- outbox.Run{ID: "r1"}
		w.desk.runs <- outbox.Run{ID: "r2"}
		for range 3 {
			if got := <-w.claim(t.Context(), w.web, "c1", time.Minute); got.run != "r1@1 for 0s" || got.err != nil {
				t.Errorf("got %+v", got)
			}
		}
		if got := <-w.claim(t.Context(), w.batch, "c1", time.Second); got.run != "" {
			t.Errorf("another agent got %+v", got)
		}
		if got := <-w.claim(t.Context(), w.web, "c2", time.Minute); got.run != "r2@2 for 0s" {
			t.Errorf("another claim got %+v", got)
		}
		<-time.After(jobs.Lease/3 + time.Second)
		w.desk.runs <- outbox.Run{ID: "r3"}
		if got := <-w.claim(t.Context(), w.web, "c1", time.Minute); got.run != "" || got.err != nil {
			t.Errorf("after a while got %+v", got)
		}
		if got := <-w.claim(t.Context(), w.web, "c3", time.Minute); got.run != "r3@3 for 0s" {
			t.Errorf("the next got %+v", got)
		}
		if got := <-w.claim(t.Context(), w.web, "c4", time.Second); got.run != "" {
			t.Errorf("an empty one got %+v", got)
		}
		w.desk.runs <- outbox.Run{ID: "r4"}
		if got := <-w.claim(t.Context(), w.web, "c4", time.Minute); got.run != "" || got.after != 0 {
			t.Errorf("an empty one got %+v when it came again", got)
		}
		<-time.After(12 * time.Minute) // The signature of c4 is too old by now.
		if got := <-w.claim(t.Context(), w.web, "c4", time.Minute); got.run != "r4@4 for 0s" {
			t.Errorf("forgotten, it got %+v", got)
		}
	})
}

// TestClaimTogether: one that comes again while the first waits gets its run, also when
// whoever asked first is gone by then.
func TestClaimTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		ctx, cancel := context.WithCancel(t.Context())
		first := w.claim(ctx, w.web, "c", time.Minute)
		synctest.Wait()
		second, third := w.claim(t.Context(), w.web, "c", time.Minute), w.claim(t.Context(), w.web, "c", time.Minute)
		synctest.Wait()
		cancel()
		if got := <-first; !errors.Is(got.err, context.Canceled) {
			t.Errorf("the first got %+v", got)
		}
		synctest.Wait()
		w.desk.runs <- outbox.Run{ID: "r1"}
		for _, ended := range []<-chan claimEnd{second, third} {
			if got := <-ended; got.run != "r1@1 for 0s" || got.err != nil {
				t.Errorf("got %+v", got)
			}
		}
	})
}

// TestClaimPanics: a defect is no answer.
func TestClaimPanics(t *testing.T) {
	w := newWorking(t)
	w.desk.claimed = func(context.Context) (outbox.Run, error) { panic("defect") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		_, _ = w.ClaimRun(t.Context(), w.web, "c", time.Second)
	}()
	w.desk.claimed = nil
	w.desk.runs <- outbox.Run{ID: "r1"}
	if got := <-w.claim(t.Context(), w.web, "c", time.Second); got.run != "r1@1 for 0s" {
		t.Errorf("got %+v", got)
	}
}

func TestClaimBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		ctx, cancel := context.WithCancel(t.Context())
		var ends []<-chan claimEnd
		for i := range 4 {
			ends = append(ends, w.claim(ctx, w.web, fmt.Sprint(i), time.Minute))
		}
		synctest.Wait()
		if got := <-w.claim(t.Context(), w.web, "5", time.Minute); !errors.Is(got.err, mailbox.ErrAgentWaits) {
			t.Errorf("the fifth got %+v", got)
		}
		cancel()
		for _, ended := range ends {
			<-ended
		}
		w.Close()
		for i := range 1000 {
			if got := <-w.claim(t.Context(), w.web, fmt.Sprint("n", i), time.Minute); got.err != nil {
				t.Fatalf("claim %d got %+v", i, got)
			}
		}
		if got := <-w.claim(t.Context(), w.web, "more", time.Minute); !errors.Is(got.err, mailbox.ErrAgentWaits) {
			t.Errorf("one more got %+v", got)
		}
		if got := <-w.claim(t.Context(), w.batch, "c", time.Minute); got.err != nil {
			t.Errorf("another agent got %+v", got)
		}
		<-time.After(12 * time.Minute)
		if got := <-w.claim(t.Context(), w.web, "more", time.Minute); got.err != nil {
			t.Errorf("later got %+v", got)
		}
	})
}

// TestRunReports: what comes again is done once, and of what is lost nothing is told but
// that.
func TestRunReports(t *testing.T) {
	w := newWorking(t)
	for range 2 {
		if signed, err := w.SignRequest(t.Context(), w.web, "r1", 1, []byte("csr")); string(signed) != "signed csr" || err != nil {
			t.Errorf("signed %q, %v", signed, err)
		}
		if err := w.EndRun(t.Context(), w.web, "r1", 1, jobs.End{Result: outbox.RunSuccess}); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.SignRequest(t.Context(), w.web, "r1", 2, []byte("csr")); err != nil || w.desk.signed != 2 || len(w.desk.ended) != 1 {
		t.Errorf("%v; signed %d times, ended %d", err, w.desk.signed, len(w.desk.ended))
	}
	for _, cause := range []error{outbox.ErrNoRun, outbox.ErrFenced, fmt.Errorf("%w: r9", outbox.ErrNoRun)} {
		w.desk.fails = cause
		_, extended := w.ExtendRun(t.Context(), w.web, "r9", 1)
		_, signed := w.SignRequest(t.Context(), w.web, "r9", 1, nil)
		appended := w.AppendOutput(t.Context(), w.web, "r9", 1, 0, []byte("x"))
		ended := w.EndRun(t.Context(), w.web, "r9", 1, jobs.End{Stopped: true})
		for _, err := range []error{extended, signed, appended, ended} {
			if !errors.Is(err, mailbox.ErrRunLost) || strings.Contains(err.Error(), "r9") || err.Error() != mailbox.ErrRunLost.Error() {
				t.Errorf("%v became %v", cause, err)
			}
		}
	}
	w.desk.fails = outbox.ErrOutput
	if err := w.AppendOutput(t.Context(), w.web, "r1", 1, 7, []byte("x")); !errors.Is(err, outbox.ErrOutput) {
		t.Error(err)
	}
}
