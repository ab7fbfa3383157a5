// Package program is the agent that runs: it takes deliveries, whichever way they
// come, keeps the sealed copies, has the actions taken, and gives receipts.
package program

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent"
	"github.com/sealrelay/sealrelay/internal/agent/action"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/kept"
	"github.com/sealrelay/sealrelay/internal/agent/state"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// The errors of Accept beside those of agent.Trust.
var (
	// ErrBusy: the version is stored, or not, and there is no receipt for it yet.
	ErrBusy = errors.New("there is no receipt yet; ask again")
	// ErrRestored: an older version was sealed later than the one that is here, so
	// the service counts anew.
	ErrRestored = errors.New("the service sealed an older version later than the one that is here")
)

// Agent is a running agent. Its methods are safe for concurrent use.
type Agent struct {
	trust   *agent.Trust
	signer  *receipt.Signer
	folder  *state.Folder
	actions *action.Set
	log     zerolog.Logger
	// place is what its secrets are locked by.
	place string
	// stopping is closed when receipts are not waited for any more.
	stopping chan struct{}

	mu sync.Mutex
	// settling are the secrets whose actions are being taken.
	settling map[string]*settlement
}

// settlement is a version on its way to its receipt.
type settlement struct {
	// done is closed when the receipt is stored, or err is why not.
	done chan struct{}
	err  error
}

// New opens the state folder for this agent alone. Close gives it up.
func New(c *config.Config, log zerolog.Logger) (*Agent, error) {
	trust, err := c.Trust()
	if err != nil {
		return nil, err
	}
	key, err := c.SigningKey()
	if err != nil {
		return nil, err
	}
	signer, err := receipt.NewSigner(key)
	if err != nil {
		return nil, err
	}
	dir := c.Path(c.StateDir)
	a := &Agent{
		trust: trust, signer: signer, log: log, place: "state folder " + dir,
		stopping: make(chan struct{}), settling: map[string]*settlement{},
	}
	if a.folder, err = state.Hold(dir); err != nil {
		return nil, err
	}
	copies := &kept.Copies{Trust: trust, Folder: a.folder}
	if a.actions, err = action.New(c, copies.Open, log); err != nil {
		return nil, errors.Join(err, a.folder.Close())
	}
	return a, nil
}

// Close gives the state folder up.
func (a *Agent) Close() error { return a.folder.Close() }

// Run takes actions until ctx ends: first those that an earlier run of the agent
// did not come to. From the end of ctx on Accept stores and does not wait.
func (a *Agent) Run(ctx context.Context) error {
	present, unsettled, err := a.inventory()
	if err != nil {
		return err
	}
	for _, err := range a.actions.Prepare(ctx, present) {
		if ctx.Err() != nil {
			break // It was stopped, and the next run does it.
		}
		a.log.Error().Err(err).Msg("what the actions lay out and render is not there")
	}
	for _, claims := range unsettled {
		a.settle(claims)
	}
	context.AfterFunc(ctx, func() { close(a.stopping) })
	a.actions.Run(ctx)
	<-ctx.Done()
	return nil
}

// inventory is all that the folder has, and what of it has no receipt. A record
// that is damaged or not this agent's is logged and left out.
func (a *Agent) inventory() (present []action.Change, unsettled []statement.Claims, err error) {
	err = a.folder.All(func(record state.Record, err error) error {
		var claims statement.Claims
		if err == nil {
			claims, err = a.trust.Claims(record.Statement)
		}
		if err != nil {
			a.log.Error().Err(err).Msg("a record of the state folder cannot be used")
			return nil
		}
		present = append(present, changeOf(claims, record))
		if record.Receipt == "" {
			unsettled = append(unsettled, claims)
		}
		return nil
	})
	return present, unsettled, err
}

func changeOf(claims statement.Claims, record state.Record) action.Change {
	return action.Change{
		Key:     outbox.Key{Agent: claims.Agent, Secret: claims.Secret},
		Version: claims.Version, Operation: claims.Operation, Format: claims.Format, KeyID: claims.KeyID,
		Envelope: record.Envelope, Statement: record.Statement,
	}
}

// newer says whether next is to take the place of what is there. The same version
// with another envelope, sealed later, is: it was sealed anew.
func newer(next, there statement.Claims) (bool, error) {
	later := next.IssuedAt.After(there.IssuedAt)
	switch {
	case next.Version > there.Version:
		return true, nil
	case next.Version == there.Version:
		return next.Digest != there.Digest && later, nil
	case later:
		return false, fmt.Errorf("%w: its outbox was restored or replaced; `sealrelay agent forget` the secret if that is so", ErrRestored)
	}
	return false, nil
}
