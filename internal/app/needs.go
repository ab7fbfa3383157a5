package app

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sealrelay/sealrelay/internal/metrics"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// needsEvery is how often the secrets are counted that must be sent again: it
// reads every secret.
const needsEvery = time.Minute

// needs is how many secrets must be sent again. Its zero value knows nothing yet.
type needs struct {
	known atomic.Bool
	count atomic.Int64
}

func (n *needs) set(count int) {
	n.count.Store(int64(count))
	n.known.Store(true)
}

func (n *needs) write(page *metrics.Page) {
	if !n.known.Load() {
		return
	}
	page.Family("sealrelay_secrets_needing_push", metrics.GaugeType, "Secrets that must be sent again, as an agent has no copy that it can open. Counted each minute.")
	page.Sample("sealrelay_secrets_needing_push", float64(n.count.Load()))
}

// watchNeeds counts at once, after each reload and each minute.
func (a *App) watchNeeds(ctx context.Context) {
	ticker := time.NewTicker(needsEvery)
	defer ticker.Stop()
	for {
		count := 0
		err := standing.Needs(ctx, a.store, outbox.SecretFilter{}, a.built.Load().Rules.Receivers, func(standing.Need) { count++ })
		if err == nil {
			a.observed.needs.set(count)
		} else if ctx.Err() == nil {
			a.log.Error().Err(err).Msg("it is not known which secrets must be sent again; counting again in a minute")
		}
		select {
		case <-ticker.C:
		case <-a.reloaded:
		case <-ctx.Done():
			return
		}
	}
}
