package intake

import (
	"fmt"
	"slices"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// decideAll decides who gets each event of a message, before anything is done
// about one of them. A refused event that carries a value refuses the message:
// a sender that reads no more than the status must not take it for delivered.
// News without a value that is refused among others is told in its answer: what
// concerns nobody here must not keep the rest from being known.
func (in *Intake) decideAll(source *Source, request *hooks.Request, events []hooks.Event, verified hooks.Verified) ([]*event, []wire.Answer, error) {
	if len(events) > hooks.MaxEvents {
		return nil, nil, fmt.Errorf("%w: %d events in one request, at most %d are allowed", hooks.ErrMalformed, len(events), hooks.MaxEvents)
	}
	decided := make([]*event, len(events))
	answers := make([]wire.Answer, len(events))
	var refused error
	accepted := 0
	for i := range events {
		ev := &event{Event: events[i], source: source, received: request.Received}
		err := in.decide(ev)
		if err == nil {
			err = in.identify(ev, request, verified, i, len(events))
		}
		switch {
		case err == nil:
			decided[i] = ev
			accepted++
		case ev.Operation == hooks.Changed:
			answers[i] = wire.Answer{Status: wire.Refused, AcceptedAt: request.Received, Detail: err.Error()}
			refused = err
		default:
			return nil, nil, err
		}
	}
	if accepted == 0 {
		return nil, nil, refused
	}
	return decided, answers, nil
}

// mayWrite says whether the source may change a secret of that name. The error
// leaves the name out: what is not even allowed may be a value that a sender
// put into the wrong member.
func (s *Source) mayWrite(secret string) error {
	if err := hooks.CheckName(secret); err != nil {
		return err
	}
	if !matchAny(s.MayWrite, secret) {
		return fmt.Errorf("%w: source %s may not write a secret of that name; correct the name, or add a glob to the source's may_write", ErrForbidden, s.Name)
	}
	return nil
}

func (in *Intake) decide(ev *event) error {
	if err := ev.source.mayWrite(ev.Secret); err != nil {
		return err
	}
	ev.targets = ev.source.rules.route(ev.source, ev.Secret)
	if len(ev.targets) == 0 {
		return fmt.Errorf("%w: no route matches %q of source %s, or it leads to no agent with a key and a destination; correct the routes, reload, and send the event again", ErrNoRoute, ev.Secret, ev.source.Name)
	}
	in.addressed(ev)
	// A sender whose clock is ahead must not make later events look old.
	if ev.OccurredAt.After(ev.received) {
		ev.OccurredAt = ev.received
	}
	return nil
}

// addressed marks the targets in quarantine and adds the one of the escrow key,
// for a value. Recipients are asked for before there is an operation.
func (in *Intake) addressed(ev *event) {
	quarantined := *in.quarantined.Load()
	for i := range ev.targets {
		ev.targets[i].Quarantined = quarantined[ev.targets[i].Agent]
	}
	if escrow := ev.source.rules.escrow; escrow != nil && ev.Operation != hooks.Delete && ev.Operation != hooks.Changed {
		ev.targets = slices.Insert(ev.targets, 0, agentkeys.EscrowTarget(escrow))
	}
}
