package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// The ways in which the desk refuses.
var (
	// ErrUnknownJob: the configuration has no such job.
	ErrUnknownJob = errors.New("the configuration has no such job")
	// ErrNoSchedule: the job has no schedule to be taken off or put on.
	ErrNoSchedule = errors.New("the job has no schedule")
	// ErrParameters: the job does not take these parameters.
	ErrParameters = errors.New("the job does not take these parameters")
	// ErrNotFailed: only what ended as a failure or a warning, or was cancelled, is
	// retried.
	ErrNotFailed = errors.New("the run is not one that failed, warned or was cancelled")
)

// DeskOptions are what a Desk needs.
type DeskOptions struct {
	Jobs outbox.Jobs
	// Definitions are the jobs of the configuration that holds.
	Definitions func() map[string]Definition
	// Changed is told of each store of the service that a job has changed; it must not
	// block. It may be nil.
	Changed func(store string)
	Log     zerolog.Logger
}

// Desk is where operators and runners turn to. It is safe for concurrent use.
type Desk struct {
	DeskOptions

	mu sync.Mutex
	// bell is closed when there may be something to claim.
	bell   chan struct{}
	closed bool
}

// NewDesk returns a Desk. Runners that wait for runs need its Run.
func NewDesk(options DeskOptions) *Desk {
	return &Desk{DeskOptions: options, bell: make(chan struct{})}
}

// Run wakes the runners that wait, until ctx ends.
func (d *Desk) Run(ctx context.Context) {
	for {
		select {
		case <-d.Jobs.JobsChanged():
			d.Ring()
		case <-ctx.Done():
			return
		}
	}
}

// Ring has all runners that wait look again.
func (d *Desk) Ring() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		close(d.bell)
		d.bell = make(chan struct{})
	}
}

// Close ends each wait, and those to come, at once.
func (d *Desk) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.closed = true
		close(d.bell)
	}
}

func (d *Desk) listen() (bell <-chan struct{}, closed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bell, d.closed
}

// Order is what an operator asks for.
type Order struct {
	Job string
	// Parameters are given to a command, beside those of the configuration.
	Parameters map[string]any
	// At is when; zero for now.
	At time.Time
	// Actor is who asks, as the audit log has it.
	Actor string
}

// Start adds a run of a job.
func (d *Desk) Start(ctx context.Context, order Order) (outbox.Run, error) {
	definition, err := d.definition(order.Job)
	if err != nil {
		return outbox.Run{}, err
	}
	now := time.Now()
	run := definition.run(now, outbox.ByOperator)
	run.By = order.Actor
	if order.At.After(now) {
		run.DueAt = order.At
	}
	if run.Settings, err = withParameters(definition, order.Parameters); err != nil {
		return outbox.Run{}, err
	}
	entry := audit.Entry{At: now, Kind: audit.JobStarted, Actor: order.Actor, Detail: fmt.Sprintf("job %s, run %s", run.Job, run.ID)}
	return run, d.Jobs.AddRun(ctx, run, &entry)
}

// Retry adds a run of the job of one that failed, warned or was cancelled, with the same
// parameters.
func (d *Desk) Retry(ctx context.Context, id, actor string) (outbox.Run, error) {
	failed, err := d.Jobs.GetRun(ctx, id)
	if err != nil {
		return outbox.Run{}, err
	}
	ended := failed.State == outbox.RunEnded && failed.Result != outbox.RunSuccess || failed.State == outbox.RunCancelled
	if !ended {
		return outbox.Run{}, ErrNotFailed
	}
	definition, err := d.definition(failed.Job)
	if err != nil {
		return outbox.Run{}, err
	}
	now := time.Now()
	run := definition.run(now, outbox.ByRetry)
	run.By, run.From, run.Retries = actor, failed.ID, 0
	if run.Settings, err = withParameters(definition, parametersOf(failed.Settings)); err != nil {
		return outbox.Run{}, err
	}
	entry := audit.Entry{At: now, Kind: audit.JobRetried, Actor: actor, Detail: fmt.Sprintf("job %s, run %s in place of %s", run.Job, run.ID, id)}
	return run, d.Jobs.AddRun(ctx, run, &entry)
}

// Cancel cancels a run that waits, and tells one that runs to stop.
func (d *Desk) Cancel(ctx context.Context, id, actor string) (outbox.Run, error) {
	entry := audit.Entry{At: time.Now(), Kind: audit.JobCancelled, Actor: actor, Detail: "run " + id}
	return d.Jobs.CancelRun(ctx, id, entry)
}

// Acknowledge says that somebody has looked at the failures and warnings that the filter
// selects, and returns how many there were.
func (d *Desk) Acknowledge(ctx context.Context, filter outbox.RunFilter, actor string) (int, error) {
	about := "all runs"
	switch {
	case filter.ID != "":
		about = "run " + filter.ID
	case filter.Job != "":
		about = "job " + filter.Job
	}
	entry := audit.Entry{At: time.Now(), Kind: audit.JobAcknowledged, Actor: actor, Detail: about}
	return d.Jobs.AcknowledgeRuns(ctx, filter, entry)
}

// SetScheduled takes a job off its schedule, or puts it on again. It returns false, and
// writes no audit row, if it is that already. What waits of it stays.
func (d *Desk) SetScheduled(ctx context.Context, job string, on bool, actor string) (bool, error) {
	definition, err := d.definition(job)
	if err != nil {
		return false, err
	}
	if definition.Schedule.IsZero() {
		return false, fmt.Errorf("%w: %s", ErrNoSchedule, job)
	}
	plans, err := d.Jobs.Plans(ctx)
	if err != nil {
		return false, err
	}
	now := time.Now()
	plan := planOf(definition, plans, now)
	if plan.Off == !on {
		return false, nil
	}
	entry := audit.Entry{At: now, Kind: audit.JobScheduled, Actor: actor, Detail: "job " + job}
	if plan.Off = !on; plan.Off {
		entry.Kind = audit.JobUnscheduled
	} else if !definition.Schedule.Single() {
		plan.Last = now // What was missed while it was off is not made up for.
	}
	return true, d.Jobs.SetPlan(ctx, plan, &entry)
}

// Standing is a job as it stands.
type Standing struct {
	Definition
	// Off says that an operator took it off its schedule.
	Off bool
	// Next is when it is due next; zero if it is not.
	Next time.Time
	// Present is the run that runs, or else the one that waits and is due first; nil if there is none.
	Present *outbox.Run
	// Latest is the run that ended last; nil if none has.
	Latest *outbox.Run
	// Unacknowledged is how many failures and warnings nobody acknowledged.
	Unacknowledged int
}

// List returns the jobs of the configuration, by name.
func (d *Desk) List(ctx context.Context) ([]Standing, error) {
	plans, err := d.Jobs.Plans(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := d.Jobs.CountRuns(ctx)
	if err != nil {
		return nil, err
	}
	now, definitions := time.Now(), d.Definitions()
	listed := []Standing{}
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		standing := Standing{Definition: definitions[name]}
		if err := d.fill(ctx, &standing, plans, now); err != nil {
			return nil, err
		}
		for _, count := range counts {
			if count.Job == name {
				standing.Unacknowledged += count.Unacknowledged
			}
		}
		listed = append(listed, standing)
	}
	return listed, nil
}

func (d *Desk) fill(ctx context.Context, s *Standing, plans map[string]outbox.Plan, now time.Time) error {
	if !s.Schedule.IsZero() {
		plan := planOf(s.Definition, plans, now)
		s.Off = plan.Off
		if slot, ok := s.Schedule.Next(plan.Last); ok && !s.Off {
			s.Next = slot
		}
	}
	open, err := d.Jobs.Runs(ctx, outbox.RunFilter{Job: s.Name, States: []outbox.RunState{outbox.RunWaiting, outbox.RunRunning}})
	if err != nil {
		return err
	}
	for _, run := range open {
		if s.Present == nil || run.State == outbox.RunRunning || s.Present.State != outbox.RunRunning && run.DueAt.Before(s.Present.DueAt) {
			s.Present = &run
		}
	}
	if s.Present != nil && s.Present.State == outbox.RunWaiting && (s.Next.IsZero() || s.Present.DueAt.Before(s.Next)) {
		s.Next = s.Present.DueAt
	}
	ended, err := d.Jobs.Runs(ctx, outbox.RunFilter{Job: s.Name, States: []outbox.RunState{outbox.RunEnded}, Limit: 1})
	if err == nil && len(ended) > 0 {
		s.Latest = &ended[0]
	}
	return err
}
