// Package vaults has an agent read its secrets from Azure Key Vaults, where the
// service's destination azure-key-vault has put them.
//
// A vault cannot tell of a change, so it is asked now and then. What comes of it is
// taken as from anywhere else: the statement decides whether it is the service's, for
// this agent, and newer than what is here. A vault takes no receipt: the service learns
// that a copy is in the vault, not that the agent has it.
package vaults

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/daemon"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// acceptWithin bounds the time for one secret's actions.
const acceptWithin = 5 * time.Minute

// Parts are what reads the vaults of the configuration, one for each.
func Parts(c *config.Config, accept daemon.Accept, log zerolog.Logger) ([]daemon.Part, error) {
	if len(c.Vaults) == 0 {
		return nil, nil
	}
	account, err := accountOf(c)
	if err != nil {
		return nil, err
	}
	parts := make([]daemon.Part, len(c.Vaults))
	for i, from := range c.Vaults {
		r := &reader{Vault: from, accept: accept, log: log.With().Str("vault", from.Vault).Logger(), seen: map[string]string{}, failed: map[string]string{}}
		if err := r.open(account, c.Name); err != nil {
			return nil, fmt.Errorf("vaults: entry %d: %w", i+1, err)
		}
		parts[i] = r.run
	}
	return parts, nil
}

// accountOf is the configuration's account.
func accountOf(c *config.Config) (*azure.Account, error) {
	settings := azure.Settings{Path: c.Path, ReadSecret: c.ReadSecret}
	if err := c.Azure.Decode(&settings.Config); err != nil {
		return nil, fmt.Errorf("azure: %w", err)
	}
	account, err := azure.New(settings)
	if err != nil {
		return nil, fmt.Errorf("azure: %w", err)
	}
	return account, nil
}

// reader reads one vault.
type reader struct {
	config.Vault
	client *azsecrets.Client
	pace   *azure.Pace
	accept daemon.Accept
	log    zerolog.Logger
	// seen are the statements that were taken, failed the errors that were logged, by
	// secret.
	seen, failed map[string]string
}

func (r *reader) open(account *azure.Account, agent string) error {
	vault, err := account.Vault(r.Vault.Vault)
	if err != nil {
		return err
	}
	if r.Prefix == "" {
		r.Prefix = sealed.Prefix(agent)
	}
	r.pace = account.Pace(vault)
	r.client, err = account.Secrets(vault)
	return err
}

// run reads all secrets at once and then every so often, until ctx ends.
func (r *reader) run(ctx context.Context) error {
	tick := time.NewTicker(r.Every)
	defer tick.Stop()
	for {
		for _, secret := range r.Secrets {
			if err := r.take(ctx, secret); ctx.Err() == nil {
				r.report(secret, err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// take takes what the vault has of a secret, unless it was taken before.
func (r *reader) take(ctx context.Context, secret string) error {
	held, err := sealed.Read(ctx, r.client, r.pace, r.Prefix, secret)
	if err != nil {
		return err
	}
	if r.seen[secret] == held.Statement {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	if _, err := r.accept(within, wire.Delivery{Envelope: held.Envelope, Statement: held.Statement}); err != nil {
		return fmt.Errorf("not taken: %w", err)
	}
	r.seen[secret] = held.Statement
	return nil
}

// report logs an error when it begins, and when it is over.
func (r *reader) report(secret string, err error) {
	before, failing := r.failed[secret]
	switch {
	case err == nil:
		delete(r.failed, secret)
		if failing {
			r.log.Info().Str("secret", secret).Msg("the vault's copy is read again")
		}
	case before != err.Error():
		r.failed[secret] = err.Error()
		if errors.Is(err, azure.ErrNotFound) {
			r.log.Info().Str("secret", secret).Msg("the vault has no copy yet")
		} else {
			r.log.Warn().Err(err).Str("secret", secret).Msg("the vault's copy cannot be read; what is here stays in use")
		}
	}
}
