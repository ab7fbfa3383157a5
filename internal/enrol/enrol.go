package enrol

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// freshness is how far the agent's clock may be from the service's.
const freshness = 10 * time.Minute

// Rule is what is decided of a request without an operator.
type Rule string

// The rules.
const (
	// Allow: an invited agent's first keys are approved. Another key needs the
	// present one's word or an operator, whatever the rule.
	Allow Rule = "allow"
	// Deny: every request is denied.
	Deny Rule = "deny"
	// Defer: an operator decides, but for what the present key vouches for.
	Defer Rule = "defer"
)

// Store is what is needed of the outbox.
type Store interface {
	Holds(ctx context.Context) ([]outbox.Hold, error)
	Enrolments(ctx context.Context) ([]outbox.Enrolment, error)
	Enrol(ctx context.Context, e outbox.Enrolment) (outbox.Enrolment, error)
	List(ctx context.Context, filter outbox.Filter) ([]outbox.Delivery, error)
}

// Desk takes requests. It is safe for concurrent use.
type Desk struct {
	Store   Store
	Digests Digests
	// Rule is the rule for an agent that the configuration lets enrol; ok is
	// false for every other name.
	Rule func(agent string) (rule Rule, ok bool)
}

// Register takes a request and says what came of it. The same request again is
// answered with what became of it. Errors wrap ErrMalformed, ErrRefused, ErrKey,
// or a class of package outbox.
func (d *Desk) Register(ctx context.Context, body Body, now time.Time) (Answer, error) {
	enrolment, err := d.read(body, now)
	if err != nil {
		return Answer{}, err
	}
	rule, ok := d.Rule(body.Agent)
	if !ok {
		return Answer{}, fmt.Errorf("%w: the configuration has no agent of that name with `enroll: true`", ErrRefused)
	}
	if body.Token != "" {
		enrolment.Invitation = d.Digests.Of(body.Token)
	} else if err := d.endorse(ctx, body, &enrolment); err != nil {
		return Answer{}, err
	}
	quarantined, err := standing.Quarantined(ctx, d.Store)
	if err != nil {
		return Answer{}, err
	}
	enrolment.State = state(rule, enrolment.Invitation == nil, quarantined[body.Agent] || enrolment.CSR != "")
	kept, err := d.Store.Enrol(ctx, enrolment)
	if errors.Is(err, outbox.ErrNotInvited) {
		err = fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Agent: kept.Agent, State: string(kept.State), KeyID: kept.KeyID}
	if kept.State == outbox.Approved {
		answer.Older, err = d.older(ctx, kept)
	}
	return answer, err
}

// older counts what is sealed for keys that the agent had before this one.
func (d *Desk) older(ctx context.Context, present outbox.Enrolment) (int, error) {
	known, err := d.Store.Enrolments(ctx)
	if err != nil {
		return 0, err
	}
	before := map[string]bool{}
	for _, e := range known {
		if e.Agent == present.Agent && e.State == outbox.Replaced && e.KeyID != present.KeyID {
			before[e.KeyID] = true
		}
	}
	n := 0
	filter := outbox.Filter{Agent: present.Agent}
	for len(before) > 0 {
		page, err := d.Store.List(ctx, filter)
		if err != nil || len(page) == 0 {
			return n, err
		}
		for _, delivery := range page {
			if before[delivery.KeyID] && delivery.State != outbox.Blocked && delivery.Operation == string(hooks.Set) {
				n++
			}
		}
		filter.After = &page[len(page)-1].Key
	}
	return 0, nil
}

// read verifies the request and reads the keys.
func (d *Desk) read(body Body, now time.Time) (outbox.Enrolment, error) {
	signing, said, err := body.verify()
	if err != nil {
		return outbox.Enrolment{}, err
	}
	at := time.Unix(said.At, 0)
	switch {
	case said.Agent != body.Agent:
		return outbox.Enrolment{}, fmt.Errorf("%w: the request is of another agent", ErrRefused)
	case at.Before(now.Add(-freshness)) || at.After(now.Add(freshness)):
		return outbox.Enrolment{}, fmt.Errorf("%w: the request is not of now; set both clocks", ErrRefused)
	}
	enrolment := outbox.Enrolment{Agent: body.Agent, Public: said.Key, Signing: signing, RequestedAt: now}
	if isCSR(said.Key) {
		enrolment.CSR = said.Key
		if enrolment.Public, err = publicOfCSR(said.Key); err != nil {
			return outbox.Enrolment{}, fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	key, err := usable(enrolment.Public, now)
	if err == nil && enrolment.CSR == "" && key.Format.Name != "age" {
		err = errors.New("a key without a request for a certificate must be one of age; `sealrelay agent enroll` makes either")
	}
	if err != nil {
		return outbox.Enrolment{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	enrolment.KeyID = key.ID
	return enrolment, nil
}

// usable is the key, if it passes the policy that holds for all.
func usable(public string, now time.Time) (*agentkeys.Key, error) {
	key, err := agentkeys.NewKey([]byte(public), agentkeys.Requirements{})
	if err != nil {
		return nil, err
	}
	return key, key.Check(now)
}

// endorse finds the key that vouches for the request: the one that the agent has
// now. Where the new key is that one already, the request was taken before.
func (d *Desk) endorse(ctx context.Context, body Body, e *outbox.Enrolment) error {
	known, err := d.Store.Enrolments(ctx)
	if err != nil {
		return err
	}
	for _, present := range known {
		if present.Agent != body.Agent || present.State != outbox.Approved {
			continue
		}
		again := bytes.Equal(present.Signing, e.Signing) && present.KeyID == e.KeyID
		if again || endorses(body.Endorsement, body.Request, ed25519.PublicKey(present.Signing)) {
			e.Endorser = present.Signing
			return nil
		}
	}
	return fmt.Errorf("%w: the endorsement is not of the agent's present signing key", ErrRefused)
}

// state is what the request is to be. Whoever got hold of an agent that is in
// quarantine may have its keys: they vouch for nothing then. A request for a
// certificate waits for the certificate.
func state(rule Rule, endorsed, byHand bool) outbox.EnrolmentState {
	switch {
	case rule == Deny:
		return outbox.Denied
	case byHand:
		return outbox.Requested
	case rule == Allow || endorsed:
		return outbox.Approved
	}
	return outbox.Requested
}
