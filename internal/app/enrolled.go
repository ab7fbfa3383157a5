package app

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"

	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// WithEnrolled is the configuration with the keys that agents have registered.
func WithEnrolled(ctx context.Context, cfg *config.Config, store enrolments) (*config.Config, error) {
	known, err := store.Enrolments(ctx)
	if err != nil {
		return nil, err
	}
	return cfg.WithEnrolled(present(known)), nil
}

type enrolments interface {
	Enrolments(ctx context.Context) ([]outbox.Enrolment, error)
}

// present are the keys that agents have now.
func present(known []outbox.Enrolment) map[string]config.Enrolled {
	keys := map[string]config.Enrolled{}
	for _, e := range known {
		if e.State == outbox.Approved {
			keys[e.Agent] = config.Enrolled{Public: e.Public, Signing: ed25519.PublicKey(e.Signing), Asked: !e.AskedAt.IsZero()}
		}
	}
	return keys
}

// openDesk makes what takes the requests of agents for their keys, by the rules
// that hold at the time of each, and puts those in force that were registered.
func (a *App) openDesk(ctx context.Context, seed []byte) error {
	digests, err := enrol.NewDigests(seed)
	if err != nil {
		return err
	}
	a.desk = &enrol.Desk{Store: a.store, Digests: digests, Rule: func(agent string) (enrol.Rule, bool) {
		decide, ok := a.latest.Load().EnrolmentRule(agent)
		return enrol.Rule(decide), ok
	}}
	return a.readEnrolled(ctx)
}

// InvitationDigests are those of the configuration's signing key.
func InvitationDigests(cfg *config.Config) (enrol.Digests, error) {
	signer, err := readSigner(cfg)
	if err != nil {
		return enrol.Digests{}, err
	}
	defer clear(signer.seed)
	return enrol.NewDigests(signer.seed)
}

// readEnrolled puts the keys in force that agents have registered, if they are
// not the ones that are.
func (a *App) readEnrolled(ctx context.Context) error {
	known, err := a.store.Enrolments(ctx)
	if err != nil {
		return err
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	keys := present(known)
	if maps.EqualFunc(keys, a.enrolled, config.Enrolled.Equal) {
		return nil
	}
	a.enrolled = keys // If they do not fit, the next reload or start says so again.
	built, err := a.build(a.latest.Load())
	if err != nil {
		return fmt.Errorf("the enrolled keys of agents do not fit the configuration: %w", err)
	}
	a.putInForce(built)
	a.log.Info().Int("agents", len(keys)).Msg("the enrolled keys of agents changed")
	return nil
}
