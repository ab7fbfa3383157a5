package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
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
	Log     zerolog.Logger
}

// NewAdmin makes the handler of the admin listener: /healthz says that the
// process runs, /readyz that it can accept hooks, /metrics what it did.
func NewAdmin(o AdminOptions) http.Handler {
	e := newEcho(o.Log)
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", o.ready)
	e.GET("/metrics", echo.WrapHandler(o.Metrics))
	return e
}

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
