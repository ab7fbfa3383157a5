package httpapi

import (
	"context"
	_ "embed"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
	"github.com/sealrelay/sealrelay/internal/storechange"
)

// readyTimeout bounds the checks of /readyz.
const readyTimeout = 5 * time.Second

// AdminOptions are what the admin handler needs; all are required.
type AdminOptions struct {
	// Ready says what keeps the service from accepting hooks, by check; the
	// value nil means that the check passed.
	Ready func(ctx context.Context) map[string]error
	// Metrics answers /metrics.
	Metrics http.Handler
	// Tokens are those that the admin API takes now; without any it answers 401.
	Tokens func() []Token
	Outbox outbox.Outbox
	// Keys are those of the agents and groups, as of now.
	Keys func() []standing.Key
	// Known says what of the configuration is missing: the agent, or the
	// destination if one is named. What is mistyped would stop nothing.
	Known func(outbox.Destination) error
	// Stores are those of the configuration, Store one of them by its name.
	Stores func() []standing.CertificateStore
	Store  func(name string) (stores.Store, bool)
	// Changes is where stores are changed.
	Changes *storechange.Desk
	// Jobs is where jobs are started and their runs retried, Runs what they were.
	Jobs *jobs.Desk
	Runs Runs
	Log  zerolog.Logger
}

// NewAdmin makes the handler of the admin listener: /healthz says that the
// process runs, /readyz that it can accept hooks, /metrics what it did; the rest is
// the admin API, for whoever has a token, as /openapi.json says.
func NewAdmin(o AdminOptions) http.Handler {
	e := newEcho(o.Log)
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", o.ready)
	e.GET("/metrics", echo.WrapHandler(o.Metrics))
	e.GET("/openapi.json", func(c echo.Context) error { return c.JSONBlob(http.StatusOK, openAPI) })
	e.GET("/v1/deliveries", o.authorised(Viewer, o.listDeliveries))
	e.GET("/v1/deliveries/:agent/:destination/*", o.authorised(Viewer, o.showDelivery))
	e.POST("/v1/deliveries/retry", o.authorised(Operator, o.retry))
	e.POST("/v1/deliveries/pause", o.authorised(Operator, o.pause))
	e.POST("/v1/deliveries/resume", o.authorised(Operator, o.resume))
	e.GET("/v1/agents", o.authorised(Viewer, o.listAgents))
	e.POST("/v1/agents/:agent/quarantine", o.authorised(Operator, o.quarantine))
	e.POST("/v1/agents/:agent/release", o.authorised(Operator, o.release))
	e.GET("/v1/stores", o.authorised(Viewer, o.listStores))
	e.GET("/v1/stores/:store/entries", o.authorised(Viewer, o.inventory))
	changes := &storesAPI{Desk: o.Changes, working: make(slots, changesTogether)}
	e.POST("/v1/stores/:store/entries", o.authorised(Operator, changes.add))
	e.POST("/v1/stores/:store/entries/remove", o.authorised(Operator, changes.remove))
	e.POST("/v1/stores/:store/create", o.authorised(Operator, changes.create))
	e.POST("/v1/stores/:store/request", o.authorised(Operator, changes.request))
	e.POST("/v1/stores/:store/finish", o.authorised(Operator, changes.finish))
	e.GET("/v1/jobs", o.authorised(Viewer, o.listJobs))
	e.POST("/v1/jobs/:job/start", o.authorised(Operator, o.startJob))
	e.POST("/v1/jobs/:job/schedule", o.authorised(Operator, o.schedule(true)))
	e.POST("/v1/jobs/:job/unschedule", o.authorised(Operator, o.schedule(false)))
	e.GET("/v1/runs", o.authorised(Viewer, o.listRuns))
	e.GET("/v1/runs/:run", o.authorised(Viewer, o.showRun))
	e.GET("/v1/runs/:run/output", o.authorised(Viewer, o.runOutput))
	e.POST("/v1/runs/:run/retry", o.authorised(Operator, o.retryRun))
	e.POST("/v1/runs/:run/cancel", o.authorised(Operator, o.cancelRun))
	e.POST("/v1/runs/acknowledge", o.authorised(Operator, o.acknowledgeRuns))
	e.GET("/v1/audit", o.authorised(Viewer, o.listAudit))
	return e
}

// openAPI describes the addresses of both listeners.
//
//go:embed openapi.json
var openAPI []byte

// readiness is the body of /readyz.
type readiness struct {
	Ready bool `json:"ready"`
	// Checks has "ok" or what is wrong, by check.
	Checks map[string]string `json:"checks"`
}

func (o AdminOptions) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTimeout)
	defer cancel()
	answer, status := readiness{Ready: true, Checks: map[string]string{}}, http.StatusOK
	for check, err := range o.Ready(ctx) {
		answer.Checks[check] = "ok"
		if err != nil {
			answer.Ready, answer.Checks[check], status = false, err.Error(), http.StatusServiceUnavailable
		}
	}
	return c.JSON(status, answer)
}
