package outboxtest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

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
