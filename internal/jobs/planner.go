package jobs

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// planPoll bounds the time between two looks at the schedules: clocks are set, and other
// processes put jobs on and off their schedules.
const planPoll = 30 * time.Second

// Planner adds the runs that schedules ask for. Several, in one or in many processes,
// add each slot once.
type Planner struct {
	Jobs outbox.Jobs
	// Definitions are the jobs of the configuration that holds.
	Definitions func() map[string]Definition
	// Reloaded gets a signal when that is another one.
	Reloaded <-chan struct{}
	Log      zerolog.Logger
}

// Run plans until ctx ends.
func (p *Planner) Run(ctx context.Context) {
	for ctx.Err() == nil {
		now := time.Now()
		next, err := p.Plan(ctx, now)
		if err != nil && ctx.Err() == nil {
			p.Log.Error().Err(err).Msg("jobs cannot be planned; trying again")
		}
		wait := planPoll
		if !next.IsZero() {
			wait = min(wait, next.Sub(now))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-p.Reloaded:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// Plan adds what is due at now, and returns when something is due next; zero if nothing
// is. Of the slots that were missed it adds the latest.
func (p *Planner) Plan(ctx context.Context, now time.Time) (next time.Time, err error) {
	plans, err := p.Jobs.Plans(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for name, definition := range p.Definitions() {
		if definition.Schedule.IsZero() {
			continue
		}
		plan := planOf(definition, plans, now)
		if known, ok := plans[name]; !ok || known.Schedule != plan.Schedule {
			// From here on slots count, and a restart does not begin anew.
			if err := p.Jobs.SetPlan(ctx, plan, nil); err != nil {
				return time.Time{}, err
			}
		}
		if plan.Off {
			continue
		}
		if slot, due := definition.Schedule.Latest(plan.Last, now); due {
			if err := p.add(ctx, definition, slot, now); err != nil {
				return time.Time{}, err
			}
			plan.Last = slot
		}
		if slot, ok := definition.Schedule.Next(plan.Last); ok && (next.IsZero() || slot.Before(next)) {
			next = slot
		}
	}
	return next, nil
}

func (p *Planner) add(ctx context.Context, definition Definition, slot, now time.Time) error {
	run := definition.run(now, outbox.BySchedule)
	run.Slot = slot
	added, err := p.Jobs.PlanRun(ctx, run, definition.Schedule.String(), definition.Schedule.Single())
	if err == nil && !added {
		p.Log.Warn().Str("job", definition.Name).Time("slot", slot).Msg("a job is not run at this time of its schedule: its last run is not done, or it was planned by another process")
	}
	return err
}

// planOf is the plan of a job: what is known, or, if the schedule is a new one, from now
// on. An operator who took the job off its schedule has done so for the new one too.
func planOf(definition Definition, plans map[string]outbox.Plan, now time.Time) outbox.Plan {
	plan, text := plans[definition.Name], definition.Schedule.String()
	if plan.Schedule == text {
		return plan
	}
	fresh := outbox.Plan{Job: definition.Name, Schedule: text, Last: now, Off: plan.Off}
	if definition.Schedule.Immediate {
		fresh.Last = time.Time{}
	}
	return fresh
}
