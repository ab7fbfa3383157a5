package outboxtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

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
