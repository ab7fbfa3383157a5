package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// sealed is what the sender of an event has sealed.
type sealed struct {
	// envelopes has one for each key among the event's targets.
	envelopes map[*agentkeys.Key]*envelope
	// changed is why they are not those that are needed; nil if they are. A
	// repeat is answered before that counts.
	changed error
}

// AcceptSealed takes an event that its sender has sealed through the pipeline,
// as Accept does for one with its value, which never comes here. The envelopes
// must be for exactly the keys that the event's targets have now, or the error
// wraps ErrRecipientsChanged.
func (in *Intake) AcceptSealed(ctx context.Context, source *Source, request *hooks.Request) (wire.Answer, error) {
	verified, err := source.Verifier.Verify(request)
	if err != nil {
		return wire.Answer{}, err
	}
	if err := source.take(request.Received); err != nil {
		return wire.Answer{}, err
	}
	body, err := adapters.ReadSealed(request)
	if err != nil {
		return wire.Answer{}, err
	}
	ev, err := in.decideSealed(source, request, body, verified)
	if err != nil {
		return wire.Answer{}, err
	}
	return in.take(ctx, ev)
}

func (in *Intake) decideSealed(source *Source, request *hooks.Request, body adapters.Sealed, verified hooks.Verified) (*event, error) {
	if verified.EventID != "" && verified.EventID != body.EventID {
		return nil, fmt.Errorf("%w: the event_id of the body is not the ID that the request is signed with", hooks.ErrMalformed)
	}
	ev := &event{
		Event:  hooks.Event{ID: body.EventID, Secret: body.Secret, Operation: body.Operation, OccurredAt: body.OccurredAt},
		source: source, received: request.Received,
	}
	if err := checkEventID(ev.ID); err != nil {
		return nil, err
	}
	if err := in.decide(ev); err != nil {
		return nil, err
	}
	if ev.Operation == hooks.Set {
		var err error
		if ev.sealed, err = matchKeys(ev, body); err != nil {
			return nil, err
		}
	}
	return ev, nil
}

// envelopeName is by what an envelope says that it is for a key.
type envelopeName struct{ format, keyID string }

func nameOf(key *agentkeys.Key) envelopeName { return envelopeName{key.Format.Name, key.ID} }

// matchKeys gives each key of the event's targets its envelope. What is wrong
// with an envelope as such is an error; that another set of keys was sealed for
// is kept in the result.
func matchKeys(ev *event, body adapters.Sealed) (*sealed, error) {
	given := make(map[envelopeName][]byte, len(body.Envelopes))
	for _, envelope := range body.Envelopes {
		given[envelopeName{envelope.Format, envelope.KeyID}] = envelope.Bytes
	}
	out := &sealed{envelopes: map[*agentkeys.Key]*envelope{}}
	if body.Recipients != recipientset.DigestOf(ev.targets) {
		out.changed = changed("it was sealed for others than get it now")
		return out, nil
	}
	wanted := map[envelopeName]bool{}
	for _, target := range ev.targets {
		if target.Quarantined {
			continue
		}
		wanted[nameOf(target.Key)] = true
		if out.envelopes[target.Key] != nil {
			continue
		}
		made, err := match(ev, target, given[nameOf(target.Key)])
		switch {
		case errors.Is(err, ErrRecipientsChanged):
			out.changed = err
			return out, nil
		case err != nil:
			return nil, err
		}
		out.envelopes[target.Key] = made
	}
	for name := range given {
		if !wanted[name] && !quarantinedKey(ev, name) {
			out.changed = changed("an envelope is for a key that nobody gets it with")
		}
	}
	return out, nil
}

// quarantinedKey says whether only agents in quarantine have the key. Its
// envelope, made from a set of before, is not used.
func quarantinedKey(ev *event, name envelopeName) bool {
	return slices.ContainsFunc(ev.targets, func(t agentkeys.Target) bool { return t.Quarantined && nameOf(t.Key) == name })
}

// match checks the envelope for the target's key; bytes are nil if there is
// none. A key that nothing may be sealed to now blocks the target, as it would
// if the value were sealed here, and its envelope is not used.
func match(ev *event, target agentkeys.Target, bytes []byte) (*envelope, error) {
	key := target.Key
	made := &envelope{blocked: key.Check(ev.received)}
	if made.blocked == nil && bytes == nil {
		_, made.blocked = key.Recipient.Seal([]byte{0})
	}
	switch {
	case made.blocked != nil:
		return made, nil //nolint:nilerr // The agent is refused, not the event.
	case bytes == nil:
		return nil, changed("there is no envelope for the key of agent " + target.Agent)
	}
	made.blocked = formats.CheckAddressed(key.Format, key.Recipient, bytes)
	switch {
	case errors.Is(made.blocked, crypto.ErrMalformed), errors.Is(made.blocked, crypto.ErrDamaged):
		return nil, fmt.Errorf("%w: the envelope for agent %s: %w", hooks.ErrMalformed, target.Agent, made.blocked)
	case errors.Is(made.blocked, crypto.ErrNoMatch):
		return nil, changed("an envelope names another key than that of agent " + target.Agent)
	case made.blocked == nil:
		made.bytes, made.digest = bytes, statement.Digest(bytes)
	}
	return made, nil
}

func changed(how string) error {
	return fmt.Errorf("%w: %s; fetch the recipient set again, seal for it, and send the event with the same ID", ErrRecipientsChanged, how)
}
