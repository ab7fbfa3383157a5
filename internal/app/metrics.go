package app

import (
	"context"
	"net/http"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/metrics"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// scrapeTimeout bounds what a scrape asks of the outbox.
const scrapeTimeout = 5 * time.Second

// observed are what /metrics shows. No label holds a secret's name or anything
// that a sender chooses.
type observed struct {
	store    outbox.Outbox
	jobs     outbox.Jobs
	version  string
	hooks    *metrics.Histogram
	attempts *metrics.Histogram
	overdue  *metrics.Counter
	needs    needs
	watched  watchedStores
}

func newObserved(store outbox.Outbox, runs outbox.Jobs, version string) *observed {
	return &observed{
		store:   store,
		jobs:    runs,
		version: version,
		hooks: metrics.NewHistogram("sealrelay_hook_duration_seconds", "Time to answer a hook, by source and outcome.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}, "outcome", "source"),
		attempts: metrics.NewHistogram("sealrelay_delivery_attempt_duration_seconds", "Time of a delivery attempt, by agent, destination and the state it led to.",
			[]float64{.001, .01, .1, .5, 1, 5, 30}, "agent", "destination", "state"),
		overdue: metrics.NewCounter("sealrelay_values_overdue_total", "Values that did not come in time after their source told of a change, by source.", "source"),
	}
}

// Hook implements httpapi.Observer.
func (o *observed) Hook(source, outcome string, took time.Duration) {
	o.hooks.Observe(took.Seconds(), outcome, source)
}

// valueOverdue counts a value that did not come in time.
func (o *observed) valueOverdue(source string) { o.overdue.Inc(source) }

// attempt is deliver.Options.Observe.
func (o *observed) attempt(a deliver.Attempt) {
	o.attempts.Observe(a.Took.Seconds(), a.Agent, a.Destination, string(a.State))
}

// ServeHTTP answers a scrape.
func (o *observed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var page metrics.Page
	metrics.WriteRuntime(&page)
	metrics.WriteProcess(&page)
	page.Family("sealrelay_build_info", metrics.GaugeType, "1, with the version as label.")
	page.Sample("sealrelay_build_info", 1, metrics.Label{Name: "version", Value: o.version})
	o.writeStates(r.Context(), &page)
	o.attempts.Write(&page)
	o.hooks.Write(&page)
	o.overdue.Write(&page)
	o.needs.write(&page)
	o.watched.write(&page)
	w.Header().Set("Content-Type", metrics.ContentType)
	_, _ = w.Write(page.Bytes()) // Who asked is gone if it fails.
}

// writeStates counts the deliveries by state, and the awaited values. What the
// outbox cannot count now is left out, so that the rest is shown when it matters.
func (o *observed) writeStates(ctx context.Context, page *metrics.Page) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	if counts, err := o.store.Count(ctx); err == nil {
		page.Family("sealrelay_deliveries", metrics.GaugeType, "Deliveries, by state.")
		for _, state := range []outbox.State{outbox.Blocked, outbox.Dead, outbox.Delivered, outbox.Pending, outbox.Waiting} {
			writeState(page, "sealrelay_deliveries", string(state), counts[state])
		}
	}
	if holds, err := o.store.Holds(ctx); err == nil && len(holds) > 0 {
		page.Family("sealrelay_destination_held", metrics.GaugeType, "1 for each destination that is quarantined or paused by an operator, or keeps failing; an empty destination stands for all of the agent's.")
		for _, hold := range holds {
			page.Sample("sealrelay_destination_held", 1, metrics.Label{Name: "agent", Value: hold.Agent},
				metrics.Label{Name: "destination", Value: hold.Destination.Destination}, metrics.Label{Name: "why", Value: hold.Why()})
		}
	}
	o.writeJobs(ctx, page)
	if waiting, overdue, err := o.store.CountAwaited(ctx, time.Now()); err == nil {
		page.Family("sealrelay_values_awaited", metrics.GaugeType, "Secrets whose source told of a change and whose value has not come, by whether it is overdue.")
		writeState(page, "sealrelay_values_awaited", "overdue", overdue)
		writeState(page, "sealrelay_values_awaited", "waiting", waiting)
	}
}

func writeState(page *metrics.Page, name, state string, count int) {
	page.Sample(name, float64(count), metrics.Label{Name: "state", Value: state})
}
