package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/azurekeyvault"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/jobs/command"
	jobkinds "github.com/sealrelay/sealrelay/internal/jobs/kinds"
	"github.com/sealrelay/sealrelay/internal/metrics"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

const (
	// jobsTogether is how many jobs the service does at once.
	jobsTogether = 4
	// runsKept is how many runs of a job are kept, for runsKeptFor at most.
	runsKept    = 500
	runsKeptFor = 90 * 24 * time.Hour
	// changesWaiting is how many stores may wait to be read after jobs changed them.
	changesWaiting = 64
	// forgetRunsPage is how many are removed in one transaction.
	forgetRunsPage = 500
)

// Jobs are the jobs of a configuration, by name. Their error joins everything that is
// wrong with them.
func Jobs(cfg *config.Config) (map[string]jobs.Definition, error) {
	b := &builder{cfg: cfg}
	return b.jobs(), errors.Join(b.errs...)
}

func (b *builder) jobs() map[string]jobs.Definition {
	definitions := map[string]jobs.Definition{}
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Jobs)) {
		definition, err := b.job(name, b.cfg.Jobs[name])
		b.add("job "+name, err)
		definitions[name] = definition
	}
	return definitions
}

func (b *builder) job(name string, from config.Job) (jobs.Definition, error) {
	definition := jobs.Definition{
		Name: name, Runner: from.On, Schedule: from.Schedule, Timeout: from.Timeout, Retries: from.Retries, RetryAfter: from.RetryAfter,
	}
	kind, settings, err := from.Work()
	if err != nil {
		return definition, err
	}
	path := b.cfg.Path
	if from.On != "" { // A path is one on the agent's host.
		path = func(path string) string { return path }
	}
	definition.Kind = kind
	if definition.Settings, err = jobkinds.Settings(kind, settings.Decode, path); err != nil {
		return definition, fmt.Errorf("%s: %w", kind, err)
	}
	if from.Authority != "" {
		authority := b.cfg.Authorities[from.Authority]
		definition.Authority = &jobs.Authority{Name: from.Authority, Command: authority.Command, Timeout: authority.Timeout}
	}
	if from.On == "" {
		err = b.canDo(&definition)
	}
	return definition, err
}

// canDo finds what a job that the service does names and is not there. What an agent has
// only the agent knows.
func (b *builder) canDo(definition *jobs.Definition) error {
	var names struct {
		Store      string         `json:"store"`
		Command    string         `json:"command"`
		Parameters map[string]any `json:"parameters"`
	}
	decoder := json.NewDecoder(bytes.NewReader(definition.Settings))
	decoder.UseNumber() // A whole number stays what it is.
	if err := decoder.Decode(&names); err != nil {
		return err
	}
	if names.Store != "" {
		if _, ok := b.cfg.Stores[names.Store]; !ok {
			return fmt.Errorf("the configuration has no store %q", names.Store)
		}
	}
	if definition.Kind != jobs.KindCustom {
		return nil
	}
	program, ok := b.cfg.Commands[names.Command]
	if !ok {
		return fmt.Errorf("the configuration has no command %q", names.Command)
	}
	definition.CheckParameters = func(parameters map[string]any) error {
		_, err := program.Values(parameters)
		return err
	}
	if definition.Schedule.IsZero() { // Whoever starts it may give what is missing.
		return nil
	}
	return definition.CheckParameters(names.Parameters)
}

// kinds are what the service can do.
func (a *App) kinds() map[string]jobs.Kind {
	return jobkinds.New(jobkinds.Env{
		Store: func(name string) (stores.Store, error) {
			store, ok := a.built.Load().stores[name]
			if !ok {
				return nil, fmt.Errorf("the configuration has no store %q", name)
			}
			return store, nil
		},
		Command: func(name string) (command.Command, bool) {
			found, ok := a.latest.Load().Commands[name]
			return found, ok
		},
		Logs:     a.options.Logs,
		Discover: map[string]func(json.RawMessage) (stores.Discoverer, error){azurekeyvault.Kind: a.discoverVaults},
	})
}

func (a *App) discoverVaults(settings json.RawMessage) (stores.Discoverer, error) {
	var asked jobkinds.AzureSearch
	if err := json.Unmarshal(settings, &asked); err != nil {
		return nil, err
	}
	account, err := a.built.Load().azure()
	if err != nil {
		return nil, err
	}
	return azurekeyvault.NewDiscoverer(azurekeyvault.Search{Tenants: asked.Tenants, Subscriptions: asked.Subscriptions}, account), nil
}

// startJobs plans and does jobs until ctx ends.
func (a *App) startJobs(ctx context.Context) {
	planner := &jobs.Planner{Jobs: a.store, Definitions: a.definitions, Reloaded: a.replan, Log: a.log}
	runner := jobs.NewRunner(jobs.RunnerOptions{Work: a.jobs.For(""), Kinds: a.kinds, Together: jobsTogether, Log: a.log})
	a.background.Go(func() { a.jobs.Run(ctx) })
	a.background.Go(func() { planner.Run(ctx) })
	a.background.Go(func() { runner.Run(ctx) })
	a.background.Go(func() { a.rereadAfterJobs(ctx) })
}

// jobChanged notes that a job has changed a store. If too many wait the keys are read as
// often as the store says.
func (a *App) jobChanged(store string) {
	select {
	case a.changedByJobs <- store:
	default:
	}
}

func (a *App) rereadAfterJobs(ctx context.Context) {
	for {
		select {
		case store := <-a.changedByJobs:
			a.rereadStore(ctx, store)
		case <-ctx.Done():
			return
		}
	}
}

func (a *App) definitions() map[string]jobs.Definition { return a.built.Load().Jobs }

// forgetRuns removes the runs that are too old or too many.
func (a *App) forgetRuns(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := a.store.ForgetRuns(ctx, time.Now().Add(-runsKeptFor), runsKept, forgetRunsPage)
		if err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Msg("old runs of jobs could not be forgotten; trying again in an hour")
		}
		if err != nil || n < forgetRunsPage {
			return
		}
	}
}

// writeJobs counts the runs of the jobs that there are, and tells when each did well.
func (o *observed) writeJobs(ctx context.Context, page *metrics.Page) {
	counts, err := o.jobs.CountRuns(ctx)
	if err != nil || len(counts) == 0 {
		return
	}
	unacknowledged, succeeded := map[string]int{}, map[string]time.Time{}
	page.Family("sealrelay_job_runs", metrics.GaugeType, "Runs of jobs that are kept, by job and by their state, or their result if they ended.")
	for _, count := range counts {
		state := string(count.State)
		if count.Result != "" {
			state = string(count.Result)
		}
		page.Sample("sealrelay_job_runs", float64(count.Count), metrics.Label{Name: "job", Value: count.Job}, metrics.Label{Name: "state", Value: state})
		unacknowledged[count.Job] += count.Unacknowledged
		if count.Result == outbox.RunSuccess {
			succeeded[count.Job] = count.Latest
		}
	}
	page.Family("sealrelay_job_unacknowledged", metrics.GaugeType, "Failures and warnings of a job that no operator has acknowledged.")
	for _, job := range slices.Sorted(maps.Keys(unacknowledged)) {
		page.Sample("sealrelay_job_unacknowledged", float64(unacknowledged[job]), metrics.Label{Name: "job", Value: job})
	}
	if len(succeeded) == 0 {
		return
	}
	page.Family("sealrelay_job_last_success_timestamp_seconds", metrics.GaugeType, "When a run of the job succeeded last.")
	for _, job := range slices.Sorted(maps.Keys(succeeded)) {
		page.Sample("sealrelay_job_last_success_timestamp_seconds", float64(succeeded[job].Unix()), metrics.Label{Name: "job", Value: job})
	}
}
