package httpapi

import (
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// agentsAnswer is the answer to GET /v1/agents.
type agentsAnswer struct {
	Keys []standing.Key `json:"keys"`
	// Quarantined are the agents in quarantine, by name.
	Quarantined []string `json:"quarantined"`
}

func (o *AdminOptions) listAgents(c echo.Context, _ string) error {
	if _, err := queryOf(c); err != nil {
		return err
	}
	quarantined, err := standing.Quarantined(c.Request().Context(), o.Outbox)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, agentsAnswer{Keys: o.Keys(), Quarantined: slices.Sorted(maps.Keys(quarantined))})
}

// quarantineAnswer is the answer to POST /v1/agents/AGENT/quarantine.
type quarantineAnswer struct {
	Agent string `json:"agent"`
	// Begun is false if the agent was in quarantine already.
	Begun bool `json:"begun"`
	// Secrets are those that the agent's keys could open.
	Secrets []standing.Exposed `json:"secrets"`
}

func (o *AdminOptions) quarantine(c echo.Context, actor string) error {
	at := outbox.Destination{Agent: c.Param("agent")}
	if err := o.Known(at); err != nil {
		return &problem{kind: errUnknownAgent, detail: err.Error(), reason: err}
	}
	ctx := c.Request().Context()
	begun, err := o.Outbox.Quarantine(ctx, at.Agent, placeEntry(audit.AgentQuarantined, actor, at))
	if err != nil {
		return err
	}
	exposed, err := standing.Exposure(ctx, o.Outbox, at.Agent)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, quarantineAnswer{at.Agent, begun, exposed})
}

func (o *AdminOptions) release(c echo.Context, actor string) error {
	at := outbox.Destination{Agent: c.Param("agent")}
	ended, err := o.Outbox.Release(c.Request().Context(), at.Agent, placeEntry(audit.AgentReleased, actor, at))
	if err != nil {
		return err
	}
	if !ended {
		return errNotQuarantined
	}
	return c.JSON(http.StatusOK, map[string]any{"agent": at.Agent, "released": true})
}
