package outboxtest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func runWhole(t *testing.T, o *office) {
	added, started := run("1", "nightly", 0), entry(0, audit.JobStarted)
	added.Slot, added.From = at(-60), "0"
	if err := o.AddRun(t.Context(), added, &started); err != nil {
		t.Fatal(err)
	}
	equal(t, "the run that waits", o.get("1"), added)
	claimed := o.claim(3, "1")
	want := added
	want.State, want.StartedAt, want.Claims, want.Fence, want.LeaseUntil = outbox.RunRunning, at(3), 1, 1, at(63)
	equal(t, "the claim", claimed, want)
	equal(t, "the run that runs", o.get("1"), want)
	if stop, err := o.ExtendRun(t.Context(), "1", claimed.Fence, at(90)); stop || err != nil {
		t.Fatalf("extend: %v, %v", stop, err)
	}
	equal(t, "the end of its lease", o.get("1").LeaseUntil, at(90))
	ended := entry(70, audit.JobStarted)
	err := o.EndRun(t.Context(), outbox.RunEnd{ID: "1", Fence: 1, State: outbox.RunEnded, Result: outbox.RunWarning, Message: "look", At: at(70)}, &ended)
	if err != nil {
		t.Fatal(err)
	}
	want.State, want.Result, want.Message, want.EndedAt, want.LeaseUntil = outbox.RunEnded, outbox.RunWarning, "look", at(70), time.Time{}
	equal(t, "the run that ended", o.get("1"), want)
	o.claim(1000, "")
	o.fenced(1)
	equal(t, "audit rows", len((&store{t: t, Outbox: o.Jobs}).rows()), 2)
	if err := o.AddRun(t.Context(), added, nil); err == nil {
		t.Error("a run was added twice")
	}
	if _, err := o.GetRun(t.Context(), "2"); !errors.Is(err, outbox.ErrNoRun) {
		t.Errorf("a run that there is not: %v", err)
	}
}

// fenced checks that nothing can be done with a claim of run 1 any more.
func (o *office) fenced(fence int64) {
	o.t.Helper()
	const id = "1"
	ctx := o.t.Context()
	if _, err := o.ExtendRun(ctx, id, fence, at(1000)); !errors.Is(err, outbox.ErrFenced) {
		o.t.Errorf("extend: %v, want ErrFenced", err)
	}
	if err := o.AppendOutput(ctx, id, fence, 0, []byte("x")); !errors.Is(err, outbox.ErrFenced) {
		o.t.Errorf("append: %v, want ErrFenced", err)
	}
	for _, state := range []outbox.RunState{outbox.RunEnded, outbox.RunWaiting} {
		end := outbox.RunEnd{ID: id, Fence: fence, State: state, At: at(1000), Then: []outbox.Run{run("never", "never", 0)}}
		if err := o.EndRun(ctx, end, nil); !errors.Is(err, outbox.ErrFenced) {
			o.t.Errorf("end as %s: %v, want ErrFenced", state, err)
		}
	}
	o.wantRuns(outbox.RunFilter{Job: "never"})
}

func runDue(_ *testing.T, o *office) {
	o.add(run("3", "c", 10), run("2", "b", 20), run("1", "a", 10))
	o.claim(9, "")
	o.claim(10, "1") // of those due as long, the one made first
	o.claim(10, "3")
	o.claim(19, "")
	o.claim(20, "2")
}

func runOwn(t *testing.T, o *office) {
	own := run("1", "a", 0)
	own.Runner = "web"
	o.add(own, run("2", "b", 0))
	o.claimFor("db", 0, "")
	o.claimFor("web", 0, "1")
	o.claimFor("web", 0, "")
	o.claim(0, "2")
	o.wantRuns(outbox.RunFilter{Runner: "web"}, "1")
	o.wantRuns(outbox.RunFilter{OnService: true}, "2")
}

func runAlone(t *testing.T, o *office) {
	o.add(run("1", "a", 0), run("2", "a", 0), run("3", "b", 5))
	first := o.claim(0, "1")
	o.claim(5, "3")
	o.claim(6, "")
	if next, ok, err := o.NextRun(t.Context(), ""); !ok || err != nil || !next.Equal(at(60)) {
		t.Errorf("next is %v, %v, error %v; want the end of the lease", next, ok, err)
	}
	o.end(first, 7, outbox.RunSuccess)
	o.claim(7, "2")
}

func runTakenOver(t *testing.T, o *office) {
	o.add(run("1", "a", 0))
	stale := o.claim(0, "1")
	o.claim(59, "")
	// Nobody else has it yet: whoever was slow may go on.
	if _, err := o.ExtendRun(t.Context(), "1", stale.Fence, at(100)); err != nil {
		t.Fatal(err)
	}
	fresh := o.claim(100, "1")
	if fresh.Fence <= stale.Fence || fresh.Claims != 2 {
		t.Errorf("fence %d after %d, claims %d", fresh.Fence, stale.Fence, fresh.Claims)
	}
	o.fenced(stale.Fence)
	o.end(fresh, 101, outbox.RunSuccess)
}

func runnerGone(_ *testing.T, o *office) {
	gone := run("1", "a", 0)
	gone.Runner = "gone"
	o.add(gone, run("2", "a", 1))
	o.claimFor("gone", 0, "1")
	o.claim(30, "")
	taken := o.claim(60, "2")
	o.claimFor("gone", 61, "")
	o.end(taken, 62, outbox.RunSuccess)
	o.claimFor("gone", 62, "1")
}

func runLimit(t *testing.T, o *office) {
	o.add(run("1", "a", 0))
	for n := range 3 {
		o.claim(60*n, "1")
	}
	o.claim(180, "")
	got := o.get("1")
	if got.State != outbox.RunEnded || got.Result != outbox.RunFailure || got.Message == "" || !got.EndedAt.Equal(at(180)) {
		t.Errorf("the run is %+v, want a failure that says why", got)
	}
	o.fenced(3)
}

func stuckRuns(t *testing.T, o *office) {
	stuck := 2000        // more than are ended at once
	if testing.Short() { // under the race detector
		stuck = 1100
	}
	var adding sync.WaitGroup
	for worker := range 20 { // many share a sync
		adding.Go(func() {
			for n := range stuck / 20 {
				id := fmt.Sprintf("%d-%d", worker, n)
				if err := o.AddRun(t.Context(), run(id, id, 0), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	adding.Wait()
	claimAll := func(n int) int {
		claimed := 0
		var claiming sync.WaitGroup
		var mu sync.Mutex
		for range 20 {
			claiming.Go(func() {
				for {
					_, ok, err := o.ClaimRun(t.Context(), "", at(n), time.Minute, 2)
					if err != nil {
						t.Error(err)
					}
					if !ok {
						return
					}
					mu.Lock()
					claimed++
					mu.Unlock()
				}
			})
		}
		claiming.Wait()
		return claimed
	}
	equal(t, "claimed by runners that die", claimAll(0), stuck)
	equal(t, "claimed before their leases ran out", claimAll(59), 0)
	equal(t, "claimed again", claimAll(60), stuck)
	equal(t, "claimed a third time", claimAll(120), 0)
	counts, err := o.CountRuns(t.Context())
	if err != nil || len(counts) != stuck || counts[0].Result != outbox.RunFailure {
		t.Errorf("%d counts, error %v; want %d failures", len(counts), err, stuck)
	}
}

func runOnce(t *testing.T, o *office) {
	const runs = 200
	for n := range runs {
		o.add(run(fmt.Sprintf("%03d", n), fmt.Sprint("job", n%50), 0))
	}
	handles := []Jobs{o.Jobs, o.handle()}
	var mu sync.Mutex
	claimed, running := map[string]int{}, map[string]int{}
	var working sync.WaitGroup
	for n := range 8 {
		working.Go(func() {
			jobs := handles[n%2]
			for {
				r, ok, err := jobs.ClaimRun(t.Context(), "", at(0), time.Minute, 3)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if !ok {
					done := len(claimed) == runs
					mu.Unlock()
					if done {
						return
					}
					continue // those that are left wait for others of their jobs
				}
				claimed[r.ID]++
				running[r.Job]++
				if running[r.Job] > 1 {
					t.Errorf("two runs of %s at once", r.Job)
				}
				running[r.Job]--
				mu.Unlock()
				if err := jobs.EndRun(t.Context(), outbox.RunEnd{ID: r.ID, Fence: r.Fence, State: outbox.RunEnded, Result: outbox.RunSuccess, At: at(1)}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	for id, n := range claimed {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
}

func runGivenBack(t *testing.T, o *office) {
	o.add(run("1", "a", 0))
	for n := range 5 { // more often than a run may be lost
		claimed := o.claim(n, "1")
		if err := o.EndRun(t.Context(), outbox.RunEnd{ID: "1", Fence: claimed.Fence, State: outbox.RunWaiting, At: at(n)}, nil); err != nil {
			t.Fatal(err)
		}
		o.fenced(claimed.Fence)
	}
	claimed := o.claim(9, "1")
	if _, err := o.CancelRun(t.Context(), "1", entry(10, audit.JobCancelled)); err != nil {
		t.Fatal(err)
	}
	if err := o.EndRun(t.Context(), outbox.RunEnd{ID: "1", Fence: claimed.Fence, State: outbox.RunWaiting, At: at(11)}, nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "the state of a cancelled run that was given back", o.get("1").State, outbox.RunCancelled)
	o.claim(100, "")
}

func runOutput(t *testing.T, o *office) {
	o.add(run("1", "a", 0))
	claimed := o.claim(0, "1")
	send := func(seq int, chunk string, want error) {
		t.Helper()
		if err := o.AppendOutput(t.Context(), "1", claimed.Fence, seq, []byte(chunk)); !errors.Is(err, want) {
			t.Fatalf("chunk %d: %v, want %v", seq, err, want)
		}
	}
	send(1, "b", outbox.ErrOutput)
	send(0, "a", nil)
	send(0, "a", nil) // its answer was lost
	send(1, "bb", nil)
	send(0, "a", outbox.ErrOutput)
	send(3, "d", outbox.ErrOutput)
	send(2, "c", nil)
	equal(t, "the output", o.output("1"), "abbc")
	equal(t, "its size", o.get("1").Output, 4)
	stop := errors.New("enough")
	if err := o.Output(t.Context(), "1", func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a visitor that stops: %v", err)
	}
	o.end(claimed, 1, outbox.RunSuccess)
	equal(t, "the output after the end", o.output("1"), "abbc")
	equal(t, "the output of no run", o.output("2"), "")
}

func runOutputAnew(t *testing.T, o *office) {
	o.add(run("1", "a", 0))
	claimed := o.claim(0, "1")
	if err := o.AppendOutput(t.Context(), "1", claimed.Fence, 0, []byte("half")); err != nil {
		t.Fatal(err)
	}
	again := o.claim(60, "1")
	equal(t, "the size of the output that is begun anew", again.Output, 0)
	if err := o.AppendOutput(t.Context(), "1", again.Fence, 0, []byte("whole")); err != nil {
		t.Fatal(err)
	}
	equal(t, "the output", o.output("1"), "whole")
}

func runThen(t *testing.T, o *office) {
	o.add(run("1", "a", 0))
	claimed := o.claim(0, "1")
	next := run("2", "a", 100)
	next.Trigger, next.From, next.By = outbox.ByRetry, "1", ""
	o.end(claimed, 1, outbox.RunFailure, next)
	equal(t, "the run that follows", o.get("2"), next)
	o.claim(99, "")
	o.claim(100, "2")
}

func cancelRuns(t *testing.T, o *office) {
	o.add(run("1", "a", 0), run("2", "b", 0), run("3", "c", 50))
	claimed, ended := o.claim(0, "1"), o.claim(0, "2")
	o.end(ended, 1, outbox.RunSuccess)
	cancelled, err := o.CancelRun(t.Context(), "3", entry(2, audit.JobCancelled))
	if err != nil || cancelled.State != outbox.RunCancelled || !cancelled.EndedAt.Equal(at(2)) {
		t.Errorf("a run that waits: %+v, %v", cancelled, err)
	}
	told, err := o.CancelRun(t.Context(), "1", entry(3, audit.JobCancelled))
	if err != nil || told.State != outbox.RunRunning || !told.Cancel {
		t.Errorf("a run that runs: %+v, %v", told, err)
	}
	for _, id := range []string{"2", "3", "4"} {
		if _, err := o.CancelRun(t.Context(), id, entry(4, audit.JobCancelled)); !errors.Is(err, outbox.ErrNoRun) {
			t.Errorf("cancel %s: %v, want ErrNoRun", id, err)
		}
	}
	if stop, err := o.ExtendRun(t.Context(), "1", claimed.Fence, at(100)); !stop || err != nil {
		t.Errorf("extend: %v, %v; want to be told to stop", stop, err)
	}
	if err := o.EndRun(t.Context(), outbox.RunEnd{ID: "1", Fence: claimed.Fence, State: outbox.RunCancelled, Message: "stopped", At: at(5)}, nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "its state", o.get("1").State, outbox.RunCancelled)
	o.claim(1000, "")
	equal(t, "audit rows", len((&store{t: t, Outbox: o.Jobs}).rows()), 2)
}

func cancelLost(t *testing.T, o *office) {
	o.add(run("1", "a", 0))
	o.claim(0, "1")
	if _, err := o.CancelRun(t.Context(), "1", entry(1, audit.JobCancelled)); err != nil {
		t.Fatal(err)
	}
	o.claim(60, "")
	equal(t, "the state of a run that is to stop and was lost", o.get("1").State, outbox.RunCancelled)
}
