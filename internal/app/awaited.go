package app

import (
	"context"
	"time"
)

// alertEvery is how often it is looked whether an awaited value is overdue.
const alertEvery = 5 * time.Second

// alert tells of each value that did not come in time.
func (a *App) alert(ctx context.Context) {
	ticker := time.NewTicker(alertEvery)
	defer ticker.Stop()
	for {
		if err := a.alertOverdue(ctx, time.Now()); err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Msg("it is not known which awaited values are overdue; looking again")
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// alertOverdue tells of what is overdue now and was not told of yet.
func (a *App) alertOverdue(ctx context.Context, now time.Time) error {
	overdue, err := a.store.Overdue(ctx, now)
	for _, awaited := range overdue {
		a.observed.valueOverdue(awaited.Source)
		a.log.Error().Str("source", awaited.Source).Str("secret", awaited.Secret).Str("event_id", awaited.EventID).
			Time("changed_at", awaited.ChangedAt).
			Msg("a secret changed and its value did not come; look after the hook or script that should have pushed it, and push it again")
	}
	return err
}
