// Package intake is the way of a value through sealrelay: verify -> read ->
// route -> seal -> commit. The value exists from the reading of the request to
// the end of Accept only, and is wiped there: until the commit has succeeded it
// may have to be sealed anew.
package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// conflictTries is how often an event is sealed anew because another process
// committed the same secret first.
const conflictTries = 8

// Store is what intake needs of the outbox.
type Store interface {
	Prior(ctx context.Context, source, eventID, secret string) (outbox.Prior, error)
	Commit(ctx context.Context, change outbox.Change) error
}

// Intake accepts events. It is safe for concurrent use.
type Intake struct {
	store  Store
	signer *statement.Signer
	repeat repeatKey
	log    zerolog.Logger
	locks  nameLocks
	latest latest
	rules  atomic.Pointer[Rules]
}

// New makes an Intake. repeatSecret, at least 32 secret bytes that outlive a
// restart, keys the digests of bodies whose sender gives events no ID.
func New(store Store, signer *statement.Signer, repeatSecret []byte, log zerolog.Logger, rules *Rules) *Intake {
	in := &Intake{store: store, signer: signer, repeat: newRepeatKey(repeatSecret), log: log}
	in.SetRules(rules)
	return in
}

// Rules are those in force.
func (in *Intake) Rules() *Rules { return in.rules.Load() }

// SetRules puts new rules in force for requests that come from now on.
func (in *Intake) SetRules(rules *Rules) { in.rules.Store(rules) }

// event is an event on its way, with what is decided about it.
type event struct {
	hooks.Event
	source   *Source
	received time.Time
	targets  []agentkeys.Target
	// repeat identifies the body of an event whose sender gave it no ID.
	repeat string
}

// Accept takes a request of a source through the pipeline. The answer is
// returned only after everything it says is durable. Errors wrap one of the
// classes of package hooks, of this package, or of package outbox.
func (in *Intake) Accept(ctx context.Context, source *Source, request *hooks.Request) (wire.Answer, error) {
	ev, err := in.read(source, request)
	if err != nil {
		return wire.Answer{}, err
	}
	defer ev.Value.Wipe()
	// Versions of one secret are made one after the other, because a version
	// is signed before it is committed. Another process may still come first:
	// the commit finds that out, and the event is sealed anew.
	defer in.locks.lock(ev.Secret)()
	for range conflictTries {
		answer, err := in.settle(ctx, ev)
		if !errors.Is(err, outbox.ErrConflict) {
			return answer, err
		}
	}
	return wire.Answer{}, fmt.Errorf("%w: %w", outbox.ErrUnavailable, outbox.ErrConflict)
}

// read verifies the request, reads the event and decides who gets it.
func (in *Intake) read(source *Source, request *hooks.Request) (*event, error) {
	verified, err := source.Verifier.Verify(request)
	if err != nil {
		return nil, err
	}
	if err := source.take(request.Received); err != nil {
		return nil, err
	}
	message, err := source.Adapter.Read(request, verified)
	if err != nil {
		return nil, err
	}
	if len(message.Events) != 1 || message.Events[0].Operation == hooks.Changed {
		message.Wipe()
		return nil, fmt.Errorf("%w: the request is not one event with its value", hooks.ErrNoValue)
	}
	ev := &event{Event: message.Events[0], source: source, received: request.Received}
	if err := in.decide(ev, request, verified); err != nil {
		ev.Value.Wipe()
		return nil, err
	}
	return ev, nil
}

func (in *Intake) decide(ev *event, request *hooks.Request, verified hooks.Verified) error {
	if err := hooks.CheckName(ev.Secret); err != nil {
		return err
	}
	// Like CheckName's, this error leaves the name out: what is not even allowed
	// may be a value that a sender put into the wrong member.
	if !matchAny(ev.source.MayWrite, ev.Secret) {
		return fmt.Errorf("%w: source %s may not write a secret of that name; correct the name, or add a glob to the source's may_write", ErrForbidden, ev.source.Name)
	}
	ev.targets = ev.source.rules.route(ev.source, ev.Secret)
	if len(ev.targets) == 0 {
		return fmt.Errorf("%w: no route matches %q of source %s, or it leads to no agent with a key and a destination; correct the routes, reload, and send the event again", ErrNoRoute, ev.Secret, ev.source.Name)
	}
	// A sender whose clock is ahead must not make later events look old.
	if ev.OccurredAt.After(ev.received) {
		ev.OccurredAt = ev.received
	}
	switch {
	case ev.ID != "":
	case verified.EventID != "":
		ev.ID = verified.EventID
	default:
		ev.repeat = in.repeat.digest(ev.source.Name, request.Body)
		return nil
	}
	return checkEventID(ev.ID)
}

// settle answers an event that is known or stale, and seals and commits any
// other. It returns outbox.ErrConflict if it must be called again.
func (in *Intake) settle(ctx context.Context, ev *event) (wire.Answer, error) {
	prior, err := in.prior(ctx, ev)
	if err != nil {
		return wire.Answer{}, err
	}
	if prior.Answer != nil {
		return duplicate(prior.Answer)
	}
	if stale(ev.OccurredAt, prior.OccurredAt) {
		return wire.Answer{Status: wire.Stale, EventID: ev.ID, Secret: ev.Secret, Version: prior.Version, AcceptedAt: ev.received}, nil
	}
	sealed, err := in.seal(ev, prior.Version+1)
	if err != nil {
		return wire.Answer{}, err
	}
	return in.commit(ctx, ev, prior.Version+1, sealed)
}

// stale says whether an event is older than the latest known. Both times must
// have been told by the sender: an event without a time is as new as its
// arrival, or a rotation could be lost to a comparison with nothing.
func stale(occurred, latest time.Time) bool {
	return !occurred.IsZero() && !latest.IsZero() && occurred.Before(latest)
}

func duplicate(stored []byte) (wire.Answer, error) {
	var answer wire.Answer
	if err := json.Unmarshal(stored, &answer); err != nil {
		return wire.Answer{}, fmt.Errorf("stored answer: %w", err)
	}
	answer.Status = wire.Duplicate
	return answer, nil
}

func (in *Intake) commit(ctx context.Context, ev *event, version int64, sealed []outbox.Sealed) (wire.Answer, error) {
	answer := wire.Answer{
		Status: wire.Accepted, EventID: ev.ID, Secret: ev.Secret, Version: version,
		AcceptedAt: ev.received, Agents: outcomes(sealed),
	}
	if blocked := blockedOnly(answer.Agents); ev.source.Strict && len(blocked) > 0 {
		return wire.Answer{}, fmt.Errorf("%w: agent %s: %s", ErrKeyRefused, blocked[0].Agent, blocked[0].Detail)
	}
	stored, err := json.Marshal(answer)
	if err != nil {
		return wire.Answer{}, fmt.Errorf("store answer: %w", err)
	}
	err = in.store.Commit(ctx, outbox.Change{
		Source: ev.source.Name, EventID: ev.ID, Secret: ev.Secret, Operation: string(ev.Operation),
		Version: version, OccurredAt: ev.OccurredAt, ReceivedAt: ev.received,
		Sealed: sealed, Answer: stored, Audit: entry(ev, version, answer.Agents),
	})
	var known *outbox.DuplicateError
	switch {
	case errors.As(err, &known):
		return duplicate(known.Answer)
	case err != nil:
		in.latest.forget(ev.Secret)
		return wire.Answer{}, err
	}
	in.latest.set(ev.Secret, version, ev.OccurredAt)
	in.log.Info().Str("source", ev.source.Name).Str("event_id", ev.ID).Str("secret", ev.Secret).
		Int64("version", version).Str("operation", string(ev.Operation)).Int("agents", len(answer.Agents)).
		Int("blocked", len(blockedOnly(answer.Agents))).Msg("event accepted")
	return answer, nil
}

func entry(ev *event, version int64, agents []wire.AgentOutcome) audit.Entry {
	entry := audit.Entry{
		At: ev.received, Kind: audit.EventAccepted, Actor: "source/" + ev.source.Name, EventID: ev.ID,
		Secret: ev.Secret, Version: version, Operation: string(ev.Operation),
	}
	for _, agent := range agents {
		if agent.Outcome == wire.Queued {
			entry.Agents = append(entry.Agents, agent.Agent)
		}
	}
	if blocked := blockedOnly(agents); len(blocked) > 0 {
		entry.Detail = fmt.Sprintf("%d blocked, first: agent %s: %s", len(blocked), blocked[0].Agent, blocked[0].Detail)
	}
	return entry
}
