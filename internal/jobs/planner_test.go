package jobs_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/jobs/schedule"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// planning plans until stop is called.
func (o *office) planning() (stop func()) {
	planner := &jobs.Planner{Jobs: o.store, Definitions: o.defined, Log: zerolog.Nop()}
	ctx, cancel := context.WithCancel(o.t.Context())
	var done sync.WaitGroup
	done.Go(func() { planner.Run(ctx) })
	return func() {
		cancel()
		done.Wait()
	}
}

// wantSlots compares when the runs of a job were due, the latest first.
func (o *office) wantSlots(job string, want ...time.Time) {
	o.t.Helper()
	runs := o.runs(outbox.RunFilter{Job: job})
	if len(runs) != len(want) {
		o.t.Fatalf("job %s has %d runs, want %d", job, len(runs), len(want))
	}
	for n, run := range runs {
		if !run.Slot.Equal(want[n]) || run.Trigger != outbox.BySchedule || run.By != "" {
			o.t.Errorf("job %s: run %d is of %v by %s, want %v", job, n, run.Slot, run.Trigger, want[n])
		}
	}
}

func TestPlan(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		began := time.Now() // midnight, UTC, of the test's clock
		o.define(jobs.Definition{Name: "often", Schedule: schedule.Schedule{Every: time.Minute}}, done(""))
		o.define(jobs.Definition{Name: "asked"}, done(""))
		o.define(jobs.Definition{Name: "now", Schedule: schedule.Schedule{Immediate: true}}, done(""))
		o.define(jobs.Definition{Name: "once", Schedule: schedule.Schedule{Once: began.Add(90 * time.Second)}}, done(""))
		o.define(jobs.Definition{Name: "past", Schedule: schedule.Schedule{Once: began.Add(-time.Second)}}, done(""))
		defer o.running(o.For(""))()
		stop := o.planning()
		pass(150 * time.Second)
		o.wantSlots("often", began.Add(2*time.Minute), began.Add(time.Minute))
		o.wantSlots("asked")
		o.wantSlots("now", time.Unix(0, 0))
		o.wantSlots("once", began.Add(90*time.Second))
		o.wantSlots("past")
		for _, run := range o.runs(outbox.RunFilter{}) {
			if run.Result != outbox.RunSuccess || run.Trigger == outbox.BySchedule && run.Job != "now" && run.StartedAt.Sub(run.Slot) > time.Second {
				t.Errorf("%s began %v after its slot: %s", run.Job, run.StartedAt.Sub(run.Slot), run.Result)
			}
		}
		// What was missed while nobody planned is made up for once, and a planner that
		// starts again begins nothing anew.
		stop()
		pass(10 * time.Minute)
		defer o.planning()()
		pass(time.Second)
		o.wantSlots("often", began.Add(12*time.Minute), began.Add(2*time.Minute), began.Add(time.Minute))
		o.wantSlots("now", time.Unix(0, 0))
		o.wantSlots("once", began.Add(90*time.Second))
	})
}

// Planners beside each other plan each slot once.
func TestPlanTogether(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "often", Schedule: schedule.Schedule{Every: time.Minute}}, done(""))
		defer o.running(o.For(""))()
		for range 4 {
			defer o.planning()()
		}
		pass(24*time.Minute + time.Second)
		if runs := o.runs(outbox.RunFilter{}); len(runs) != 24 {
			t.Errorf("%d runs in 24 minutes", len(runs))
		}
	})
}

// A job that takes longer than its interval does not queue up; one that has a single slot
// waits for its turn.
func TestPlanBusy(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		began := time.Now()
		slow := func(context.Context, jobs.Task) (jobs.Report, error) {
			pass(150 * time.Second)
			return jobs.Report{}, nil
		}
		o.define(jobs.Definition{Name: "slow", Schedule: schedule.Schedule{Every: time.Minute}, Timeout: 24 * time.Minute}, slow)
		o.define(jobs.Definition{Name: "once", Schedule: schedule.Schedule{Once: began.Add(time.Minute)}, Timeout: 24 * time.Minute}, slow)
		defer o.running(o.For(""))()
		o.start(jobs.Order{Job: "once"})
		defer o.planning()()
		pass(8*time.Minute + time.Second)
		o.wantSlots("slow", began.Add(7*time.Minute), began.Add(4*time.Minute), began.Add(time.Minute))
		if runs := o.runs(outbox.RunFilter{Job: "once"}); len(runs) != 2 || runs[0].StartedAt.Before(runs[1].EndedAt) {
			t.Errorf("the job with one slot has %d runs: %+v", len(runs), runs)
		}
	})
}

func TestUnscheduled(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		began := time.Now()
		often := jobs.Definition{Name: "often", Schedule: schedule.Schedule{Every: time.Minute}}
		o.define(often, done(""))
		defer o.running(o.For(""))()
		defer o.planning()()
		synctest.Wait()
		set := func(on, want bool) {
			t.Helper()
			if changed, err := o.SetScheduled(t.Context(), "often", on, "operator/x"); changed != want || err != nil {
				t.Fatalf("scheduled %v: changed %v, %v", on, changed, err)
			}
		}
		set(true, false)
		set(false, true)
		set(false, false)
		pass(150 * time.Second)
		o.wantSlots("often")
		// Another schedule does not put it on again.
		often.Schedule.Every = 2 * time.Minute
		o.define(often, done(""))
		pass(3 * time.Minute)
		o.wantSlots("often")
		set(true, true)
		pass(time.Minute)
		o.wantSlots("often", began.Add(6*time.Minute))
	})
}

// Another schedule counts from when it is put in force.
func TestAnotherSchedule(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		began := time.Now()
		job := jobs.Definition{Name: "job", Schedule: schedule.Schedule{Every: 10 * time.Minute}}
		o.define(job, done(""))
		defer o.running(o.For(""))()
		defer o.planning()()
		pass(11 * time.Minute)
		job.Schedule = schedule.Schedule{Every: 3 * time.Minute}
		o.define(job, done(""))
		pass(2 * time.Minute)
		o.wantSlots("job", began.Add(12*time.Minute), began.Add(10*time.Minute))
	})
}
