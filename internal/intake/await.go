package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// await records that a secret has changed and its value is to come. The
// service asks nobody for it.
func (in *Intake) await(ctx context.Context, ev *event) (wire.Answer, error) {
	if known, err := in.knownNews(ctx, ev); err != nil || known != nil {
		if err != nil {
			return wire.Answer{}, err
		}
		return duplicate(known)
	}
	prior, err := in.store.Prior(ctx, ev.source.Name, "", ev.Secret)
	if err != nil {
		return wire.Answer{}, err
	}
	changed := ev.OccurredAt
	if changed.IsZero() {
		changed = ev.received
	}
	answer := wire.Answer{Status: wire.Settled, EventID: ev.ID, Secret: ev.Secret, Version: prior.Version, AcceptedAt: ev.received}
	due := ev.received.Add(ev.source.AwaitWithin)
	if !covers(prior, changed) {
		answer.Status, answer.AwaitedUntil = wire.Awaited, &due
	}
	stored, err := json.Marshal(answer)
	if err != nil {
		return wire.Answer{}, fmt.Errorf("store answer: %w", err)
	}
	err = in.store.Await(ctx, outbox.News{
		Source: ev.source.Name, EventID: ev.ID, Secret: ev.Secret,
		ChangedAt: changed, ReceivedAt: ev.received, Due: due, Answer: stored,
		Audit: audit.Entry{
			At: ev.received, Kind: audit.EventAwaited, Actor: "source/" + ev.source.Name, EventID: ev.ID,
			Secret: ev.Secret, Operation: string(ev.Operation),
		},
	})
	var known *outbox.DuplicateError
	switch {
	case errors.As(err, &known):
		return duplicate(known.Answer)
	case err != nil:
		return wire.Answer{}, err
	}
	in.log.Info().Str("source", ev.source.Name).Str("event_id", ev.ID).Str("secret", ev.Secret).
		Time("changed_at", changed).Str("status", string(answer.Status)).Msg("secret changed at its source")
	return answer, nil
}

// knownNews is the answer to the same signed body within the source's window.
// The sender signs no time: the same news once more is taken for a repeat, even
// if the value came in between.
func (in *Intake) knownNews(ctx context.Context, ev *event) ([]byte, error) {
	if ev.body == "" {
		return nil, nil
	}
	ev.ID = ev.body + strconv.FormatInt(ev.received.UnixMicro(), 10)
	return in.store.Repeated(ctx, ev.source.Name, ev.body, ev.received.Add(-ev.source.RepeatWindow))
}

// covers says whether the latest version is that of the change: see
// outbox.AwaitSlack.
func covers(prior outbox.Prior, changed time.Time) bool {
	at := prior.OccurredAt
	if at.IsZero() {
		at = prior.ReceivedAt
	}
	return prior.Version > 0 && !at.Before(changed.Add(-outbox.AwaitSlack))
}
