package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// escrow reads the escrow key; nil if there is none. Other keys than age's own
// are refused: a copy must never be missing because a key expired or a plugin
// is not there.
func (b *builder) escrow() *agentkeys.Key {
	if b.cfg.Escrow == nil {
		return nil
	}
	key := b.key("escrow", config.Key{File: b.cfg.Escrow.File, Format: "age"})
	if key == nil {
		return nil
	}
	switch key.Public.Key.(type) {
	case *age.X25519Recipient, *age.HybridRecipient:
		return key
	}
	b.add("escrow", fmt.Errorf("the key is %s; make one with `sealrelay keys generate age-pq`", key.Public.Kind()))
	return nil
}

// dropEscrow removes the copies that were made for an escrow key, once the
// configuration has none.
func (a *App) dropEscrow(ctx context.Context, rules *intake.Rules) error {
	if rules.Escrow() != nil {
		return nil
	}
	n, err := a.store.DropEscrow(ctx, audit.Entry{
		At: time.Now(), Kind: audit.EscrowDropped, Actor: "service", Detail: "the configuration has no escrow key",
	})
	if err != nil {
		return fmt.Errorf("remove the copies in escrow: %w", err)
	}
	if n > 0 {
		a.log.Warn().Int("secrets", n).Msg("the configuration has no escrow key; the copies in escrow were removed")
	}
	return nil
}

// Resealer makes the Intake of a command that seals values anew which were in
// escrow. It reads the signing key, but no credential of a source.
func Resealer(ctx context.Context, cfg *config.Config, store outbox.Outbox, log zerolog.Logger) (*intake.Intake, error) {
	if cfg.Escrow == nil {
		return nil, errors.New("the configuration has no escrow key, so there is nothing in escrow")
	}
	cfg, err := WithEnrolled(ctx, cfg, store)
	if err != nil {
		return nil, err
	}
	rules, err := Routing(cfg)
	if err != nil {
		return nil, err
	}
	signer, err := readSigner(cfg)
	if err != nil {
		return nil, err
	}
	defer clear(signer.seed)
	quarantined, err := standing.Quarantined(ctx, store)
	if err != nil {
		return nil, err
	}
	in := intake.New(store, signer.Signer, signer.seed, log, rules)
	in.SetQuarantined(quarantined)
	return in, nil
}
