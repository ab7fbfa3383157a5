// Package azurekeyvault is the destination that writes envelopes into an Azure Key
// Vault, each as a secret with its statement in the tags; package sealed has how they
// lie there.
//
// Before something is written it is read whether it is ours, and whether what is there
// is older: a vault has other users. What two relays write at the same moment is not
// kept apart, as Key Vault has no conditional write; one outbox has one writer for each
// secret, and that is what makes the newest win.
package azurekeyvault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/layout"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// refusedFor is how long a refusal is left alone that only an operator mends.
const refusedFor = 15 * time.Minute

// Destination is a Key Vault. It is safe for concurrent use.
type Destination struct {
	config Config
	vault  azure.Vault
	client *azsecrets.Client
	pace   *azure.Pace
	owner  sealed.Owner

	mu sync.Mutex
	// written are the statements that were written last, by secret, where nothing may
	// be read: about a kilobyte each.
	written map[string]string
}

// New makes the destination of its part of the configuration, with the account that
// everything of Azure is done with.
func New(settings deliver.Settings, azure func() (*azure.Account, error)) (deliver.Destination, error) {
	d := &Destination{written: map[string]string{}}
	if err := settings.Decode(&d.config); err != nil {
		return nil, err
	}
	if err := d.config.check(settings.Agent.Name); err != nil {
		return nil, err
	}
	account, err := azure()
	if err != nil {
		return nil, err
	}
	if d.vault, err = account.Vault(d.config.Vault); err != nil {
		return nil, err
	}
	if d.owner, err = owner(settings); err != nil {
		return nil, err
	}
	d.pace = account.Pace(d.vault)
	d.client, err = account.Secrets(d.vault)
	return d, err
}

// Place implements deliver.Placed.
func (d *Destination) Place() string { return d.vault.URL + "/secrets/" + d.config.Prefix }

// Deliver implements deliver.Destination. Of what is there, nothing is changed that is
// not ours, which is final, and nothing is written that is there already.
func (d *Destination) Deliver(ctx context.Context, delivery outbox.Delivery) (receipt string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if until, paused := d.pace.Paused(); paused {
		return "", deliver.Later(azure.ErrThrottled, until)
	}
	// A configuration that is reloaded makes another Destination of the same place.
	unlock, err := layout.Lock(ctx, d.Place(), delivery.Secret)
	if err != nil {
		return "", err
	}
	defer unlock()
	name := sealed.Name(d.config.Prefix, delivery.Secret)
	there, err := d.look(ctx, name, delivery)
	if err != nil {
		return "", judge(err)
	}
	newer, err := layout.Superseded([]byte(there.statement()), delivery)
	if err != nil || newer {
		return "", err
	}
	if delivery.Operation == "set" {
		err = d.set(ctx, name, delivery, there)
	} else {
		err = d.delete(ctx, name, delivery, there)
	}
	if err != nil {
		return "", judge(err)
	}
	if d.config.SetOnly {
		d.mu.Lock()
		d.written[name] = delivery.Statement
		d.mu.Unlock()
	}
	return "", nil
}

// judge says when an error is worth another attempt.
func judge(err error) error {
	e, ok := errors.AsType[*azure.Error](err)
	if !ok {
		return err
	}
	switch {
	case errors.Is(err, azure.ErrThrottled):
		return deliver.Later(err, time.Now().Add(max(e.RetryAfter, time.Second)))
	case errors.Is(err, azure.ErrMissingRole), errors.Is(err, azure.ErrFirewall), errors.Is(err, azure.ErrWrongTenant),
		errors.Is(err, azure.ErrNotSignedIn), errors.Is(err, azure.ErrInvalid), errors.Is(err, azure.ErrReadOnly):
		return deliver.After(err, time.Now().Add(refusedFor))
	}
	return err
}

// found is what the vault has of a secret.
type found struct {
	// held is the secret's newest version, nil if there is none; deletion the one that
	// says that it was deleted.
	held, deletion *sealed.Held
	// written is the statement that was written last where nothing may be read.
	written string
}

// statement is the newest one that is there; empty if there is none.
func (f found) statement() string {
	switch {
	case f.deletion != nil && (f.held == nil || f.deletion.Version() > f.held.Version()):
		return f.deletion.Statement()
	case f.held != nil:
		return f.held.Statement()
	}
	return f.written
}

// look reads what is there. What is not ours is a final error.
func (d *Destination) look(ctx context.Context, name string, delivery outbox.Delivery) (found, error) {
	if d.config.SetOnly {
		d.mu.Lock()
		defer d.mu.Unlock()
		return found{written: d.written[name]}, nil
	}
	held, err := d.read(ctx, name, delivery.Secret)
	if err != nil {
		return found{}, err
	}
	deletion, err := d.read(ctx, sealed.Deletion(name), delivery.Secret)
	return found{held: held, deletion: deletion}, err
}

// read returns what a secret of the vault holds, nil if there is none.
func (d *Destination) read(ctx context.Context, name, secret string) (*sealed.Held, error) {
	held, err := sealed.Get(ctx, d.client, d.pace, name, "")
	if errors.Is(err, azure.ErrDisabled) {
		held, err = sealed.Properties(ctx, d.client, d.pace, name)
	}
	switch {
	case errors.Is(err, azure.ErrNotFound):
		return nil, nil //nolint:nilnil // That is what it says.
	case err != nil:
		return nil, err
	}
	if err := held.Check(d.owner, secret); err != nil {
		return nil, deliver.Final(fmt.Errorf("there is a secret %s in the vault that is not ours: %w; remove it, or choose another prefix", name, err))
	}
	return &held, nil
}
