package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/jobs/schedule"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func failed(context.Context, jobs.Task) (jobs.Report, error) {
	return jobs.Report{}, errors.New("the store is away")
}

func TestStart(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "script", Kind: jobs.KindCustom, Settings: json.RawMessage(`{"command":"c","parameters":{"level":1,"kind":"full"}}`)}, done(""))
		o.define(jobs.Definition{Name: "list", Kind: jobs.KindInventory, Settings: json.RawMessage(`{"store":"a"}`), Retries: 2}, done(""))
		for want, order := range map[string]jobs.Order{
			`the configuration has no such job: "nightly"; there are list, script`:           {Job: "nightly"},
			"the job does not take these parameters: only those of the kind custom take any": {Job: "list", Parameters: map[string]any{"level": 3}},
		} {
			if _, err := o.Start(t.Context(), order); err == nil || err.Error() != want {
				t.Errorf("error is %v, want %s", err, want)
			}
		}
		run := o.start(jobs.Order{Job: "script", Parameters: map[string]any{"level": 3}})
		var settings map[string]any
		if err := json.Unmarshal(o.get(run.ID).Settings, &settings); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(settings); got != "map[command:c parameters:map[kind:full level:3]]" {
			t.Errorf("settings are %s", got)
		}
		later := o.start(jobs.Order{Job: "list", At: time.Now().Add(time.Hour), Actor: "token/ops"})
		if got := o.get(later.ID); !got.DueAt.Equal(got.AddedAt.Add(time.Hour)) || got.By != "token/ops" || got.Trigger != outbox.ByOperator || got.Retries != 2 {
			t.Errorf("the run is %+v", got)
		}
		o.wantAudit(audit.JobStarted, audit.JobStarted)
	})
}

// wantAudit compares the kinds of the audit rows.
func (o *office) wantAudit(want ...audit.Kind) {
	o.t.Helper()
	var got []audit.Kind
	err := o.store.Audit(o.t.Context(), 1, func(row audit.Row) error {
		var entry audit.Entry
		got = append(got, entry.Kind)
		err := json.Unmarshal(row.Entry, &entry)
		got[len(got)-1] = entry.Kind
		return err
	})
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		o.t.Errorf("audit rows are %v, error %v; want %v", got, err, want)
	}
}

func TestRetry(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "work", Runner: "", Settings: json.RawMessage(`{"n":1}`)}, failed)
		defer o.running(o.For(""))()
		first := o.ended(o.start(jobs.Order{Job: "work"}).ID)
		o.define(jobs.Definition{Name: "work", Settings: json.RawMessage(`{"n":2}`)}, done(""))
		run, err := o.Retry(t.Context(), first.ID, "operator/x")
		if err != nil {
			t.Fatal(err)
		}
		second := o.ended(run.ID)
		if second.Result != outbox.RunSuccess || second.From != first.ID || second.Trigger != outbox.ByRetry || second.By != "operator/x" || string(second.Settings) != `{"n":2}` {
			t.Errorf("the second run is %+v", second)
		}
		for _, id := range []string{second.ID, "none"} {
			if _, err := o.Retry(t.Context(), id, "operator/x"); !errors.Is(err, jobs.ErrNotFailed) && !errors.Is(err, outbox.ErrNoRun) {
				t.Errorf("retry %s: %v", id, err)
			}
		}
		o.wantAudit(audit.JobStarted, audit.JobRetried)
	})
}

// A failure is retried as often as the job says, and no further.
func TestRetriesByItself(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "work", Retries: 2, RetryAfter: time.Minute}, failed)
		defer o.running(o.For(""))()
		first := o.ended(o.start(jobs.Order{Job: "work"}).ID)
		if !strings.HasPrefix(first.Message, "the store is away; to be retried at 2000-01-01T00:01:") {
			t.Errorf("the message is %q", first.Message)
		}
		pass(10 * time.Minute)
		runs := o.runs(outbox.RunFilter{Job: "work"})
		if len(runs) != 3 {
			t.Fatalf("%d runs, want 3", len(runs))
		}
		for n, run := range runs[:2] {
			if run.From != runs[n+1].ID || run.Trigger != outbox.ByRetry || run.StartedAt.Sub(runs[n+1].EndedAt) != time.Minute {
				t.Errorf("run %d is %+v", n, run)
			}
		}
		if runs[0].Message != "the store is away" {
			t.Errorf("the last message is %q", runs[0].Message)
		}
	})
}

func TestAcknowledge(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "work"}, failed)
		defer o.running(o.For(""))()
		id := o.ended(o.start(jobs.Order{Job: "work"}).ID).ID
		o.ended(o.start(jobs.Order{Job: "work"}).ID)
		unacknowledged := func(want int) {
			t.Helper()
			listed, err := o.List(t.Context())
			if err != nil || len(listed) != 1 || listed[0].Unacknowledged != want {
				t.Errorf("listed %+v, %v; want %d that nobody acknowledged", listed, err, want)
			}
		}
		unacknowledged(2)
		for _, test := range []struct {
			filter outbox.RunFilter
			want   int
		}{{outbox.RunFilter{ID: id}, 1}, {outbox.RunFilter{ID: id}, 0}, {outbox.RunFilter{Job: "work"}, 1}} {
			if n, err := o.Acknowledge(t.Context(), test.filter, "operator/x"); n != test.want || err != nil {
				t.Errorf("acknowledged %d, %v; want %d", n, err, test.want)
			}
		}
		unacknowledged(0)
	})
}

func TestList(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "a", Schedule: schedule.Schedule{Daily: "12:00"}}, done("fine"))
		o.define(jobs.Definition{Name: "b"}, await)
		defer o.planning()()
		stop := o.running(o.For(""))
		defer stop()
		latest := o.ended(o.start(jobs.Order{Job: "a"}).ID)
		running := o.start(jobs.Order{Job: "b"})
		soon := o.start(jobs.Order{Job: "a", At: time.Now().Add(time.Hour)})
		synctest.Wait()
		listed, err := o.List(t.Context())
		if err != nil || len(listed) != 2 {
			t.Fatalf("%d jobs, %v", len(listed), err)
		}
		a, b := listed[0], listed[1]
		if a.Latest == nil || a.Latest.ID != latest.ID || a.Present == nil || a.Present.ID != soon.ID || !a.Next.Equal(soon.DueAt.Truncate(time.Microsecond)) || a.Off {
			t.Errorf("job a is %+v", a)
		}
		if b.Latest != nil || b.Present == nil || b.Present.ID != running.ID || !b.Next.IsZero() {
			t.Errorf("job b is %+v", b)
		}
		if _, err := o.SetScheduled(t.Context(), "a", false, "operator/x"); err != nil {
			t.Fatal(err)
		}
		if listed, err = o.List(t.Context()); err != nil || !listed[0].Off {
			t.Errorf("job a is %+v, %v", listed[0], err)
		}
		for job, want := range map[string]error{"b": jobs.ErrNoSchedule, "c": jobs.ErrUnknownJob} {
			if _, err := o.SetScheduled(t.Context(), job, false, "operator/x"); !errors.Is(err, want) {
				t.Errorf("unschedule %s: %v, want %v", job, err, want)
			}
		}
	})
}

// A runner can do nothing with the runs of another one, and does not learn of them.
func TestRunnersSeeTheirOwn(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "work", Runner: "web"}, nil)
		id := o.start(jobs.Order{Job: "work"}).ID
		web, db := o.For("web"), o.For("db")
		within, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if run, err := db.Claim(within); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("claimed %s, %v", run.ID, err)
		}
		run, err := web.Claim(t.Context())
		if err != nil || run.ID != id {
			t.Fatal(run.ID, err)
		}
		for name, call := range map[string]func(jobs.Work) error{
			"extend": func(w jobs.Work) error { _, err := w.Extend(t.Context(), id, run.Fence); return err },
			"append": func(w jobs.Work) error { return w.Append(t.Context(), id, run.Fence, 0, []byte("x")) },
			"sign":   func(w jobs.Work) error { _, err := w.Sign(t.Context(), id, run.Fence, nil); return err },
			"end":    func(w jobs.Work) error { return w.End(t.Context(), id, run.Fence, jobs.End{GivenBack: true}) },
		} {
			if err := call(db); !errors.Is(err, outbox.ErrNoRun) {
				t.Errorf("%s by another runner: %v, want ErrNoRun", name, err)
			}
			if err := call(o.For("")); !errors.Is(err, outbox.ErrNoRun) {
				t.Errorf("%s by the service: %v, want ErrNoRun", name, err)
			}
		}
		if err := web.Append(t.Context(), id, run.Fence, 0, make([]byte, jobs.MaxChunk+1)); !errors.Is(err, outbox.ErrOutput) {
			t.Errorf("a chunk that is too long: %v", err)
		}
		for _, end := range []jobs.End{{Result: "fine"}, {Result: ""}, {Result: outbox.RunSuccess, Stopped: true}, {GivenBack: true, Stopped: true}} {
			if err := web.End(t.Context(), id, run.Fence, end); !errors.Is(err, jobs.ErrEnd) {
				t.Errorf("end as %+v: %v, want ErrEnd", end, err)
			}
		}
		if err := web.End(t.Context(), id, run.Fence, jobs.End{Result: outbox.RunSuccess}); err != nil {
			t.Error(err)
		}
	})
}

// A claim that waits ends with the desk.
func TestClose(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		ended := make(chan error)
		go func() {
			_, err := o.For("").Claim(t.Context())
			ended <- err
		}()
		synctest.Wait()
		o.Close()
		o.Close()
		o.Ring()
		if err := <-ended; !errors.Is(err, jobs.ErrClosed) {
			t.Errorf("the claim that waited: %v", err)
		}
		if _, err := o.For("").Claim(t.Context()); !errors.Is(err, jobs.ErrClosed) {
			t.Errorf("a claim after it: %v", err)
		}
	})
}
