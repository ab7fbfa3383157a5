package deliver

import (
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// report logs the outcome of a delivery.
func report(log zerolog.Logger, claimed outbox.Delivery, outcome outbox.Outcome, health outbox.Health) {
	switch outcome.State {
	case outbox.Delivered:
		log.Info().Msg("delivered")
	case outbox.Waiting:
		log.Info().Msg("waiting for the agent to fetch it")
	case outbox.Dead:
		log.Error().Int("attempts", claimed.Attempts+1).Str("reason", outcome.Reason).Msg("delivery given up")
	default:
		log.WithLevel(failureLevel(claimed, outcome, health)).Int("attempts", claimed.Attempts+1).Time("next", outcome.Next).
			Str("reason", outcome.Reason).Msg("delivery failed; trying again")
	}
}

// failureLevel makes a warning of what is news: a reason that the destination's
// failure before had not, and for what is not its failure, the row.
func failureLevel(claimed outbox.Delivery, outcome outbox.Outcome, health outbox.Health) zerolog.Level {
	if health.News || outcome.Fault == nil && outcome.Reason != claimed.Reason {
		return zerolog.WarnLevel
	}
	return zerolog.DebugLevel
}

// reportHealth logs when a destination broke or was mended.
func reportHealth(log zerolog.Logger, outcome outbox.Outcome, health outbox.Health) {
	if !health.Turned {
		return
	}
	if health.BrokenSince.IsZero() {
		log.Info().Str("agent", outcome.Agent).Str("destination", outcome.Destination).Msg("destination works again")
		return
	}
	log.Error().Str("agent", outcome.Agent).Str("destination", outcome.Destination).Int("failures", health.Faults).
		Time("next", outcome.Fault.Until).Str("reason", outcome.Reason).
		Msg("destination keeps failing; its deliveries wait while one at a time tries it")
}
