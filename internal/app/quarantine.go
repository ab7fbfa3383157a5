package app

import (
	"context"
	"maps"
	"time"

	"github.com/sealrelay/sealrelay/internal/standing"
)

// agentsEvery is how often it is looked which agents are in quarantine, and which
// have other keys. The outbox itself keeps what it has from those in quarantine
// at once; this is for what comes.
const agentsEvery = 2 * time.Second

// watchAgents keeps intake told of the agents in quarantine and of enrolled keys.
func (a *App) watchAgents(ctx context.Context) {
	ticker := time.NewTicker(agentsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := a.readQuarantine(ctx); err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Msg("it is not known which agents are in quarantine; those known before are kept in it")
		}
		if err := a.readEnrolled(ctx); err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Msg("the keys that were in force are kept")
		}
	}
}

func (a *App) readQuarantine(ctx context.Context) error {
	agents, err := standing.Quarantined(ctx, a.store)
	if err != nil {
		return err
	}
	if !maps.Equal(agents, a.quarantined) {
		a.intake.SetQuarantined(agents)
		a.quarantined = agents
		a.log.Warn().Int("agents", len(agents)).Msg("the agents in quarantine changed; `sealrelay deliveries list` names them")
	}
	return nil
}
