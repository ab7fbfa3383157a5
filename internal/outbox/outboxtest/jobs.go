package outboxtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Jobs is an outbox with jobs.
type Jobs interface {
	outbox.Outbox
	outbox.Jobs
}

// RunJobs checks that an implementation keeps runs of jobs as the comments of package
// outbox say. open is that of Run.
func RunJobs(t *testing.T, open func(t *testing.T) func() Jobs) {
	for _, tc := range []struct {
		name string
		test func(*testing.T, *office)
	}{
		{"a run from its start to its end", runWhole},
		{"a run is claimed when it is due", runDue},
		{"runners see their own", runOwn},
		{"one run of a job at a time", runAlone},
		{"a lease that ran out", runTakenOver},
		{"a runner that is gone holds nobody up", runnerGone},
		{"a run that kills its runners", runLimit},
		{"two thousand stuck runs", stuckRuns},
		{"no run is claimed twice", runOnce},
		{"a run is given back", runGivenBack},
		{"an output comes in order", runOutput},
		{"a claim begins the output anew", runOutputAnew},
		{"runs that follow", runThen},
		{"cancel", cancelRuns},
		{"a cancelled run is not begun again", cancelLost},
		{"acknowledge", acknowledgeRuns},
		{"slots are planned once", planOnce},
		{"a job that takes longer than its interval", planBusy},
		{"a job off its schedule", planOff},
		{"another schedule", planAnother},
		{"list filters and pages", listRuns},
		{"count", countRuns},
		{"forget", forgetRuns},
		{"next", nextRun},
		{"changed", runsChanged},
		{"reopen", reopenRuns},
		{"cancelled contexts", runsCancelled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := &office{t: t, open: open(t)}
			o.Jobs = o.handle()
			tc.test(t, o)
			(&store{t: t, Outbox: o.Jobs}).rows() // whatever was done, the audit chain holds
		})
	}
}

// office is the store of jobs under test, and a first handle on it.
type office struct {
	Jobs
	t    *testing.T
	open func() Jobs
}

func (o *office) handle() Jobs {
	o.t.Helper()
	jobs := o.open()
	o.t.Cleanup(func() {
		if err := jobs.Close(); err != nil {
			o.t.Errorf("close: %v", err)
		}
	})
	return jobs
}

// run is a run that is added and due n seconds after start.
func run(id, job string, n int) outbox.Run {
	return outbox.Run{
		ID: id, Job: job, Kind: "inventory", Settings: []byte(`{"store":"a"}`), Timeout: time.Minute, Trigger: outbox.ByOperator, By: "operator/x",
		Retries: 2, RetryAfter: 5 * time.Minute, State: outbox.RunWaiting, AddedAt: at(n), DueAt: at(n),
	}
}

func (o *office) add(runs ...outbox.Run) {
	o.t.Helper()
	for _, r := range runs {
		if err := o.AddRun(o.t.Context(), r, nil); err != nil {
			o.t.Fatalf("add %s: %v", r.ID, err)
		}
	}
}

// claim claims for the service, n seconds after start and for a minute, the run of that
// ID; empty for none.
func (o *office) claim(n int, want string) outbox.Run {
	o.t.Helper()
	return o.claimFor("", n, want)
}

func (o *office) claimFor(runner string, n int, want string) outbox.Run {
	o.t.Helper()
	claimed, ok, err := o.ClaimRun(o.t.Context(), runner, at(n), time.Minute, 3)
	if err != nil || ok != (want != "") || claimed.ID != want {
		o.t.Fatalf("claimed %q, %v, error %v; want %q", claimed.ID, ok, err, want)
	}
	return claimed
}

func (o *office) end(claimed outbox.Run, n int, result outbox.RunResult, then ...outbox.Run) {
	o.t.Helper()
	err := o.EndRun(o.t.Context(), outbox.RunEnd{ID: claimed.ID, Fence: claimed.Fence, State: outbox.RunEnded, Result: result, Message: "done", At: at(n), Then: then}, nil)
	if err != nil {
		o.t.Fatalf("end %s: %v", claimed.ID, err)
	}
}

func (o *office) get(id string) outbox.Run {
	o.t.Helper()
	found, err := o.GetRun(o.t.Context(), id)
	if err != nil {
		o.t.Fatalf("get %s: %v", id, err)
	}
	return found
}

func (o *office) wantRuns(filter outbox.RunFilter, want ...string) {
	o.t.Helper()
	found, err := o.Runs(o.t.Context(), filter)
	if err != nil {
		o.t.Fatal(err)
	}
	var got []string
	for _, r := range found {
		got = append(got, r.ID)
	}
	equal(o.t, fmt.Sprintf("runs of %+v", filter), got, want)
}

func (o *office) output(id string) string {
	o.t.Helper()
	var got bytes.Buffer
	if err := o.Output(o.t.Context(), id, func(chunk []byte) error { got.Write(chunk); return nil }); err != nil {
		o.t.Fatal(err)
	}
	return got.String()
}

func entry(n int, kind audit.Kind) audit.Entry {
	return audit.Entry{At: at(n), Kind: kind, Actor: "operator/x"}
}

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

func acknowledgeRuns(t *testing.T, o *office) {
	for n, result := range []outbox.RunResult{outbox.RunSuccess, outbox.RunWarning, outbox.RunFailure, outbox.RunFailure} {
		id := fmt.Sprint(n)
		o.add(run(id, "job"+fmt.Sprint(n/2), n))
		o.end(o.claim(n, id), n, result)
	}
	acknowledge := func(filter outbox.RunFilter, want int) {
		t.Helper()
		n, err := o.AcknowledgeRuns(t.Context(), filter, entry(9, audit.JobAcknowledged))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "acknowledged", n, want)
	}
	o.wantRuns(outbox.RunFilter{Unacknowledged: true}, "3", "2", "1")
	acknowledge(outbox.RunFilter{ID: "0"}, 0)
	acknowledge(outbox.RunFilter{Job: "job1", Limit: 1, Before: "2"}, 2)
	acknowledge(outbox.RunFilter{Job: "job1"}, 0)
	o.wantRuns(outbox.RunFilter{Unacknowledged: true}, "1")
	got := o.get("3")
	equal(t, "by whom", got.AcknowledgedBy+got.AcknowledgedAt.String(), "operator/x"+at(9).String())
	acknowledge(outbox.RunFilter{}, 1)
	equal(t, "audit rows", len((&store{t: t, Outbox: o.Jobs}).rows()), 2)
}

// planned plans the slot n seconds after start.
func (o *office) planned(jobs Jobs, id, schedule string, n int, queue, want bool) {
	o.t.Helper()
	r := run(id, "nightly", n)
	r.Slot = at(n)
	added, err := jobs.PlanRun(o.t.Context(), r, schedule, queue)
	if err != nil || added != want {
		o.t.Errorf("slot %d: added %v, error %v; want %v", n, added, err, want)
	}
}

func (o *office) wantPlan(schedule string, n int, off bool) {
	o.t.Helper()
	plans, err := o.Plans(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	equal(o.t, "plan", plans["nightly"], outbox.Plan{Job: "nightly", Schedule: schedule, Last: at(n), Off: off})
}

func planOnce(t *testing.T, o *office) {
	handles := []Jobs{o.Jobs, o.handle()}
	var mu sync.Mutex
	added := 0
	var planning sync.WaitGroup
	for n := range 20 {
		planning.Go(func() {
			r := run(fmt.Sprint("r", n), "nightly", 10)
			r.Slot = at(10)
			ok, err := handles[n%2].PlanRun(t.Context(), r, "daily", true)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if ok {
				added++
			}
		})
	}
	planning.Wait()
	equal(t, "added", added, 1)
	o.planned(o.Jobs, "old", "daily", 9, true, false)
	o.wantPlan("daily", 10, false)
	o.planned(o.Jobs, "new", "daily", 11, true, true)
	o.wantPlan("daily", 11, false)
}

func planBusy(_ *testing.T, o *office) {
	o.planned(o.Jobs, "1", "daily", 10, false, true)
	o.planned(o.Jobs, "2", "daily", 20, false, false) // the first still waits
	claimed := o.claim(21, "1")
	o.planned(o.Jobs, "3", "daily", 30, false, false) // it runs
	o.planned(o.Jobs, "4", "daily", 31, true, true)   // it may queue up
	o.wantPlan("daily", 31, false)
	o.end(claimed, 32, outbox.RunSuccess)
	o.end(o.claim(33, "4"), 33, outbox.RunSuccess)
	o.add(run("later", "nightly", 1000))
	o.planned(o.Jobs, "5", "daily", 40, false, true) // what waits for later is in nobody's way
}

func planOff(t *testing.T, o *office) {
	off := entry(0, audit.JobUnscheduled)
	if err := o.SetPlan(t.Context(), outbox.Plan{Job: "nightly", Schedule: "daily", Last: at(0), Off: true}, &off); err != nil {
		t.Fatal(err)
	}
	o.planned(o.Jobs, "1", "daily", 10, false, false)
	o.wantPlan("daily", 0, true)
	if err := o.SetPlan(t.Context(), outbox.Plan{Job: "nightly", Schedule: "daily", Last: at(10)}, nil); err != nil {
		t.Fatal(err)
	}
	o.planned(o.Jobs, "2", "daily", 11, false, true)
	if err := o.SetPlan(t.Context(), outbox.Plan{Job: "other", Schedule: "once"}, nil); err != nil {
		t.Fatal(err)
	}
	plans, err := o.Plans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "a plan without a slot", plans["other"], outbox.Plan{Job: "other", Schedule: "once"})
	equal(t, "audit rows", len((&store{t: t, Outbox: o.Jobs}).rows()), 1)
}

func planAnother(_ *testing.T, o *office) {
	o.planned(o.Jobs, "1", "daily", 100, true, true)
	o.planned(o.Jobs, "2", "hourly", 50, true, true)
	o.wantPlan("hourly", 50, false)
}

func listRuns(_ *testing.T, o *office) {
	for n := range 6 {
		r := run(fmt.Sprint(n), fmt.Sprint("job", n%2), n)
		r.Kind = []string{"inventory", "custom", "inventory"}[n%3]
		o.add(r)
	}
	o.end(o.claim(0, "0"), 1, outbox.RunFailure)
	o.end(o.claim(1, "1"), 1, outbox.RunSuccess)
	o.claim(2, "2")
	o.wantRuns(outbox.RunFilter{}, "5", "4", "3", "2", "1", "0")
	o.wantRuns(outbox.RunFilter{Limit: 2}, "5", "4")
	o.wantRuns(outbox.RunFilter{Limit: 2, Before: "4"}, "3", "2")
	o.wantRuns(outbox.RunFilter{Job: "job1"}, "5", "3", "1")
	o.wantRuns(outbox.RunFilter{Kind: "custom"}, "4", "1")
	o.wantRuns(outbox.RunFilter{ID: "3"}, "3")
	o.wantRuns(outbox.RunFilter{States: []outbox.RunState{outbox.RunRunning, outbox.RunEnded}}, "2", "1", "0")
	o.wantRuns(outbox.RunFilter{Results: []outbox.RunResult{outbox.RunFailure}}, "0")
	o.wantRuns(outbox.RunFilter{Job: "job0", States: []outbox.RunState{outbox.RunWaiting}}, "4")
}

func countRuns(t *testing.T, o *office) {
	o.add(run("1", "a", 0), run("2", "a", 1), run("3", "b", 2))
	o.end(o.claim(0, "1"), 5, outbox.RunFailure)
	o.end(o.claim(1, "2"), 6, outbox.RunFailure)
	if _, err := o.AcknowledgeRuns(t.Context(), outbox.RunFilter{ID: "1"}, entry(7, audit.JobAcknowledged)); err != nil {
		t.Fatal(err)
	}
	counts, err := o.CountRuns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "counts", counts, []outbox.RunCount{
		{Job: "a", State: outbox.RunEnded, Result: outbox.RunFailure, Count: 2, Unacknowledged: 1, Latest: at(6)},
		{Job: "b", State: outbox.RunWaiting, Count: 1},
	})
}

func forgetRuns(t *testing.T, o *office) {
	for n := range 6 {
		id := fmt.Sprint(n)
		o.add(run(id, "a", n))
		claimed := o.claim(n, id)
		if err := o.AppendOutput(t.Context(), id, claimed.Fence, 0, []byte(id)); err != nil {
			t.Fatal(err)
		}
		o.end(claimed, n, outbox.RunSuccess)
	}
	o.add(run("w", "a", 0), run("z", "b", 0))
	forget := func(before, keep, limit, want int) {
		t.Helper()
		n, err := o.ForgetRuns(t.Context(), at(before), keep, limit)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "forgotten", n, want)
	}
	forget(2, 100, 100, 2)
	o.wantRuns(outbox.RunFilter{Job: "a"}, "w", "5", "4", "3", "2")
	forget(0, 1, 2, 2)
	o.wantRuns(outbox.RunFilter{Job: "a"}, "w", "5", "4")
	equal(t, "the output of one that was forgotten", o.output("2"), "")
	equal(t, "the output of one that is kept", o.output("5"), "5")
	forget(1000, 0, 100, 2)
	o.wantRuns(outbox.RunFilter{}, "z", "w")
}

func nextRun(t *testing.T, o *office) {
	want := func(n int, there bool) {
		t.Helper()
		next, ok, err := o.NextRun(t.Context(), "")
		if err != nil || ok != there || ok && !next.Equal(at(n)) {
			t.Errorf("next is %v, %v, error %v; want %v, %v", next, ok, err, at(n), there)
		}
	}
	want(0, false)
	o.add(run("1", "a", 20), run("2", "b", 10))
	want(10, true)
	claimed := o.claim(12, "2")
	want(20, true)
	o.claim(20, "1")
	want(72, true)
	o.end(claimed, 30, outbox.RunSuccess)
	want(80, true)
}

func runsChanged(t *testing.T, o *office) {
	signalled := func(want bool) {
		t.Helper()
		select {
		case <-o.JobsChanged():
			equal(t, "signal", true, want)
		default:
			equal(t, "signal", false, want)
		}
	}
	signalled(false)
	o.add(run("1", "a", 0), run("2", "a", 0))
	signalled(true)
	signalled(false)
	claimed := o.claim(0, "1")
	signalled(false)
	o.end(claimed, 1, outbox.RunSuccess)
	signalled(true)
	if _, err := o.CancelRun(t.Context(), "2", entry(2, audit.JobCancelled)); err != nil {
		t.Fatal(err)
	}
	signalled(true)
}

func reopenRuns(t *testing.T, o *office) {
	o.add(run("1", "a", 0))
	claimed := o.claim(0, "1")
	if err := o.AppendOutput(t.Context(), "1", claimed.Fence, 0, []byte("kept")); err != nil {
		t.Fatal(err)
	}
	other := o.handle()
	got, err := other.GetRun(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the run", got, o.get("1"))
	if _, err := other.ExtendRun(t.Context(), "1", claimed.Fence, at(100)); err != nil {
		t.Fatal(err)
	}
	equal(t, "the output", o.output("1"), "kept")
}

func runsCancelled(t *testing.T, o *office) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"add":    func() error { return o.AddRun(ctx, run("1", "a", 0), nil) },
		"claim":  func() error { _, _, err := o.ClaimRun(ctx, "", at(0), time.Minute, 3); return err },
		"runs":   func() error { _, err := o.Runs(ctx, outbox.RunFilter{}); return err },
		"plans":  func() error { _, err := o.Plans(ctx); return err },
		"output": func() error { return o.Output(ctx, "1", func([]byte) error { return nil }) },
	} {
		if err := call(); err == nil {
			t.Errorf("%s with a cancelled context did not fail", name)
		}
	}
}
