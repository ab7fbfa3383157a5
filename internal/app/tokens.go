package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
	"github.com/sealrelay/sealrelay/internal/storechange"
)

// tokens are those of the admin API, by name.
func (b *builder) tokens() []httpapi.Token {
	var tokens []httpapi.Token
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Admin.Tokens)) {
		from := b.cfg.Admin.Tokens[name]
		verifier, err := b.tokenVerifier(from.File)
		if err != nil {
			b.add("admin: tokens: "+name, fmt.Errorf("file: %w; make one with `openssl rand -hex 32`", err))
			continue
		}
		tokens = append(tokens, httpapi.Token{Name: name, Role: httpapi.Role(from.Role), Verifier: verifier})
	}
	return tokens
}

func (b *builder) tokenVerifier(file string) (hooks.Verifier, error) {
	token, err := b.cfg.ReadSecret(file)
	if err != nil {
		return nil, err
	}
	defer token.Wipe() // the verifier keeps its digest
	return verify.NewBearer(verify.Bearer{Tokens: []*hooks.Value{token}})
}

// adminOptions are those of the admin listener, which follow a reload.
func (a *App) adminOptions() httpapi.AdminOptions {
	return httpapi.AdminOptions{
		Jobs: a.jobs, Runs: a.store,
		Ready: a.ready, Metrics: a.observed, Outbox: a.store, Log: a.log,
		Tokens:  func() []httpapi.Token { return a.built.Load().tokens },
		Keys:    func() []standing.Key { return ShownKeys(a.built.Load().Rules.Registry(), time.Now()) },
		Known:   func(at outbox.Destination) error { return a.latest.Load().Known(at.Agent, at.Destination) },
		Stores:  func() []standing.CertificateStore { return standing.Stores(a.latest.Load()) },
		Store:   a.openedStore,
		Changes: &storechange.Desk{Store: a.openedStore, Audit: a.store, Reread: a.storeChanged, Log: a.log},
	}
}

// storeChanged has the keys read anew that agents have from a store, and the store looked
// through.
func (a *App) storeChanged(ctx context.Context, store string) {
	a.rereadStore(ctx, store)
	if err := a.jobs.InventoryAfter(ctx, store); err != nil {
		a.log.Error().Err(err).Str("store", store).Msg("the inventory that follows a change could not be added")
	}
}

// openedStore is a store of the configuration in force.
func (a *App) openedStore(name string) (stores.Store, bool) {
	store, ok := a.built.Load().stores[name]
	return store, ok
}
