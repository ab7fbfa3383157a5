// Package intake is the way of a value through sealrelay: verify -> read ->
// route -> seal -> commit. The value exists from the reading of the request to
// the end of Accept only, and is wiped there: until the commit has succeeded it
// may have to be sealed anew.
package intake

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
	Repeated(ctx context.Context, source, prefix string, since time.Time) ([]byte, error)
	Commit(ctx context.Context, change outbox.Change) error
	Await(ctx context.Context, news outbox.News) error
}

// Intake accepts events. It is safe for concurrent use.
type Intake struct {
	store   Store
	signer  *statement.Signer
	digests digests
	log     zerolog.Logger
	locks   nameLocks
	latest  latest
	// quarantined are the agents in quarantine.
	quarantined atomic.Pointer[map[string]bool]
	rules       atomic.Pointer[Rules]
}

// New makes an Intake. digestSecret, at least 32 secret bytes that outlive a
// restart, keys the digests by which bodies and values are known again.
func New(store Store, signer *statement.Signer, digestSecret []byte, log zerolog.Logger, rules *Rules) *Intake {
	in := &Intake{store: store, signer: signer, digests: newDigests(digestSecret), log: log}
	in.SetRules(rules)
	in.SetQuarantined(nil)
	return in
}

// Rules are those in force.
func (in *Intake) Rules() *Rules { return in.rules.Load() }

// SetRules puts new rules in force for requests that come from now on.
func (in *Intake) SetRules(rules *Rules) { in.rules.Store(rules) }

// SetQuarantined says which agents get nothing, for requests that come from now
// on. The map is not changed any more.
func (in *Intake) SetQuarantined(agents map[string]bool) { in.quarantined.Store(&agents) }

// event is an event on its way, with what is decided about it.
type event struct {
	hooks.Event
	source   *Source
	received time.Time
	targets  []agentkeys.Target
	// unnamed says that the sender gave the event no ID, so that the same value
	// is no new version.
	unnamed bool
	// body is what the ID of an event begins with that is known by its body.
	body string
	// sealed is what the sender has sealed; nil if it is sealed here.
	sealed *sealed
	// operator is who has the value sealed anew; empty for what a source sends.
	operator string
}

// Result is what a request comes to. One of its parts is set; without any, the
// request concerned no secret.
type Result struct {
	// Answers has one answer for each event.
	Answers []wire.Answer
	// Reply is that of a handshake.
	Reply *hooks.Reply
	// Exists answers whether a secret has a value here.
	Exists *bool
}

// Accept takes a request of a source through the pipeline. The result is
// returned only after everything it says is durable. Errors wrap one of the
// classes of package hooks, of this package, or of package outbox. A request
// of several events that fails may have been accepted in part: when it is sent
// again, those events are known.
func (in *Intake) Accept(ctx context.Context, source *Source, request *hooks.Request) (Result, error) {
	message, verified, err := in.read(source, request)
	if err != nil {
		return Result{}, err
	}
	defer message.Wipe()
	switch {
	case message.Reply != nil:
		return Result{Reply: message.Reply}, nil
	case message.Exists != "":
		exists, err := in.exists(ctx, source, message.Exists)
		return Result{Exists: &exists}, err
	}
	events, answers, err := in.decideAll(source, request, message.Events, verified)
	if err != nil {
		return Result{}, err
	}
	for i, ev := range events {
		if ev == nil { // refused, which its answer says
			continue
		}
		if answers[i], err = in.take(ctx, ev); err != nil {
			return Result{}, err
		}
	}
	return Result{Answers: answers}, nil
}

// read verifies the request and reads what it says.
func (in *Intake) read(source *Source, request *hooks.Request) (hooks.Message, hooks.Verified, error) {
	verified, err := source.Verifier.Verify(signed(request))
	if err != nil {
		return hooks.Message{}, hooks.Verified{}, err
	}
	if err := source.take(request.Received); err != nil {
		return hooks.Message{}, hooks.Verified{}, err
	}
	message, err := source.Adapter.Read(request, verified)
	return message, verified, err
}

// signed is the request as its sender signed it: see hooks.RequestLine.
func signed(request *hooks.Request) *hooks.Request {
	if len(request.Body) > 0 || request.Method == http.MethodPost {
		return request
	}
	standIn := *request
	standIn.Body = hooks.RequestLine(request.Method, request.URL)
	return &standIn
}

// exists says whether the secret has a value here.
func (in *Intake) exists(ctx context.Context, source *Source, secret string) (bool, error) {
	if err := source.mayWrite(secret); err != nil {
		return false, err
	}
	prior, err := in.store.Prior(ctx, source.Name, "", secret)
	return prior.Version > 0 && !prior.Deleted, err
}

// take settles an event, one of a secret at a time: a version is signed before
// it is committed. Another process may still come first: the commit finds that
// out, and the event is sealed anew.
func (in *Intake) take(ctx context.Context, ev *event) (wire.Answer, error) {
	defer in.locks.lock(ev.Secret)()
	if ev.Operation == hooks.Changed {
		return in.await(ctx, ev)
	}
	for range conflictTries {
		answer, err := in.settle(ctx, ev)
		if !errors.Is(err, outbox.ErrConflict) {
			return answer, err
		}
	}
	return wire.Answer{}, fmt.Errorf("%w: %w", outbox.ErrUnavailable, outbox.ErrConflict)
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
	same, err := in.unchanged(ev, prior)
	switch {
	case err != nil:
		return wire.Answer{}, err
	case same:
		return known(ev, wire.Unchanged, prior), nil
	case stale(ev.OccurredAt, prior.OccurredAt):
		return known(ev, wire.Stale, prior), nil
	}
	sealed, err := in.seal(ev, prior.Version+1)
	if err != nil {
		return wire.Answer{}, err
	}
	digest, err := in.digests.ofValue(ev, func(i int) bool { return sealed[i].Blocked == "" })
	if err != nil {
		return wire.Answer{}, err
	}
	return in.commit(ctx, ev, prior.Version+1, digest, sealed)
}

// unchanged says whether an event without an ID has the latest value, and
// nobody would get it who does not have it.
func (in *Intake) unchanged(ev *event, prior outbox.Prior) (bool, error) {
	if !ev.unnamed || prior.Digest == nil {
		return false, nil
	}
	// A deletion needs no key that is fit for anything.
	usable := func(i int) bool { return ev.Value == nil || ev.targets[i].Check(ev.received) == nil }
	digest, err := in.digests.ofValue(ev, usable)
	return hmac.Equal(digest, prior.Digest), err
}

// known is the answer to an event that changes nothing.
func known(ev *event, status wire.Status, prior outbox.Prior) wire.Answer {
	return wire.Answer{Status: status, EventID: ev.ID, Secret: ev.Secret, Version: prior.Version, AcceptedAt: ev.received}
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

func (in *Intake) commit(ctx context.Context, ev *event, version int64, digest []byte, sealed []outbox.Sealed) (wire.Answer, error) {
	if err := strict(ev, sealed); err != nil {
		return wire.Answer{}, err
	}
	escrow, sealed := apart(sealed)
	answer := wire.Answer{
		Status: wire.Accepted, EventID: ev.ID, Secret: ev.Secret, Version: version,
		AcceptedAt: ev.received, Agents: outcomes(sealed),
	}
	stored, err := json.Marshal(answer)
	if err != nil {
		return wire.Answer{}, fmt.Errorf("store answer: %w", err)
	}
	err = in.store.Commit(ctx, outbox.Change{
		Source: ev.source.Name, EventID: ev.ID, Secret: ev.Secret, Operation: string(ev.Operation),
		Version: version, OccurredAt: ev.OccurredAt, ReceivedAt: ev.received,
		Digest: digest, Sealed: sealed, Escrow: escrow, Answer: stored, Audit: entry(ev, version, answer.Agents),
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

// strict refuses an event that has no copy for the escrow key, or whose source
// wants every agent to get it. It does not count those in quarantine: the others
// are to get what replaces the secrets that such an agent knows.
func strict(ev *event, sealed []outbox.Sealed) error {
	for i := range sealed {
		must := ev.source.Strict || ev.targets[i].Agent == agentkeys.Escrow
		if must && sealed[i].Blocked != "" && !ev.targets[i].Quarantined {
			return fmt.Errorf("%w: agent %s: %s", ErrKeyRefused, sealed[i].Agent, sealed[i].Blocked)
		}
	}
	return nil
}

// apart takes the copy for the escrow key, which comes first, from those for
// agents.
func apart(sealed []outbox.Sealed) (*outbox.Sealed, []outbox.Sealed) {
	if len(sealed) > 0 && sealed[0].Agent == agentkeys.Escrow {
		return &sealed[0], sealed[1:]
	}
	return nil, sealed
}

func entry(ev *event, version int64, agents []wire.AgentOutcome) audit.Entry {
	entry := audit.Entry{
		At: ev.received, Kind: audit.EventAccepted, Actor: "source/" + ev.source.Name, EventID: ev.ID,
		Secret: ev.Secret, Version: version, Operation: string(ev.Operation),
	}
	if ev.operator != "" {
		entry.Kind, entry.Actor = audit.SecretResealed, ev.operator
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
