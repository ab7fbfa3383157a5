package app

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// scrapeTimeout bounds what a scrape asks of the outbox.
const scrapeTimeout = 5 * time.Second

// metrics are what /metrics shows. No label holds a secret's name or anything
// that a sender chooses.
type metrics struct {
	registry *prometheus.Registry
	hooks    *prometheus.HistogramVec
	attempts *prometheus.HistogramVec
	overdue  *prometheus.CounterVec
}

func newMetrics(store outbox.Outbox, version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		hooks: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sealrelay_hook_duration_seconds", Help: "Time to answer a hook, by source and outcome.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
		}, []string{"source", "outcome"}),
		attempts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sealrelay_delivery_attempt_duration_seconds", Help: "Time of a delivery attempt, by agent, destination and the state it led to.",
			Buckets: []float64{.001, .01, .1, .5, 1, 5, 30},
		}, []string{"agent", "destination", "state"}),
	}
	m.overdue = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sealrelay_values_overdue_total", Help: "Values that did not come in time after their source told of a change, by source.",
	}, []string{"source"})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sealrelay_build_info", Help: "1, with the version as label.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.hooks, m.attempts, m.overdue, build, stateCollector{store},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Hook implements httpapi.Observer.
func (m *metrics) Hook(source, outcome string, took time.Duration) {
	m.hooks.WithLabelValues(source, outcome).Observe(took.Seconds())
}

// valueOverdue counts a value that did not come in time.
func (m *metrics) valueOverdue(source string) { m.overdue.WithLabelValues(source).Inc() }

// attempt is deliver.Options.Observe.
func (m *metrics) attempt(a deliver.Attempt) {
	m.attempts.WithLabelValues(a.Agent, a.Destination, string(a.State)).Observe(a.Took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// stateCollector counts the deliveries by state, and the awaited values, when it
// is scraped.
type stateCollector struct{ store outbox.Outbox }

var deliveriesDesc = prometheus.NewDesc("sealrelay_deliveries", "Deliveries, by state.", []string{"state"}, nil)

var awaitedDesc = prometheus.NewDesc("sealrelay_values_awaited", "Secrets whose source told of a change and whose value has not come, by whether it is overdue.", []string{"state"}, nil)

// Describe implements prometheus.Collector.
func (stateCollector) Describe(out chan<- *prometheus.Desc) {
	out <- deliveriesDesc
	out <- awaitedDesc
}

// Collect implements prometheus.Collector.
func (c stateCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	counts, err := c.store.Count(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(deliveriesDesc, err)
		return
	}
	for _, state := range []outbox.State{outbox.Pending, outbox.Delivered, outbox.Dead, outbox.Blocked} {
		out <- prometheus.MustNewConstMetric(deliveriesDesc, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
	waiting, overdue, err := c.store.CountAwaited(ctx, time.Now())
	if err != nil {
		out <- prometheus.NewInvalidMetric(awaitedDesc, err)
		return
	}
	out <- prometheus.MustNewConstMetric(awaitedDesc, prometheus.GaugeValue, float64(waiting), "waiting")
	out <- prometheus.MustNewConstMetric(awaitedDesc, prometheus.GaugeValue, float64(overdue), "overdue")
}
