package outboxtest

import (
	"bytes"
	"fmt"
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
