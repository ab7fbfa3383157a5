// Package storechange changes certificate stores for operators who are not on the
// machine: each change is bounded in time, brought to its end once it was begun,
// written to the audit log, and followed by a look at the keys that agents have from
// the store.
package storechange

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/audit"
)

const (
	// within bounds a change, with what the store waits for by itself.
	within = 5 * time.Minute
	// recordWithin bounds the writing of the audit row, which comes after it, and
	// rereadWithin the reading of keys after that.
	recordWithin = 30 * time.Second
	rereadWithin = 30 * time.Second
	// Longest is how long a call takes at the most.
	Longest = within + recordWithin + rereadWithin
)

// The ways in which a change fails, beside those of package stores.
var (
	// ErrUnknownStore: the configuration has no such store.
	ErrUnknownStore = errors.New("the configuration has no such store")
	// ErrCannot: a store of this kind cannot do that.
	ErrCannot = errors.New("not what a store of this kind can do")
	// ErrUncertain: the store did not say whether the change was made.
	ErrUncertain = errors.New("it is not known whether the store was changed")
	// ErrNotBegun: the audit log cannot be written, so that nothing was changed.
	ErrNotBegun = errors.New("nothing was changed, as the audit log cannot be written")
	// ErrNotRecorded: the store was changed, or may be, and the audit log may not
	// have it.
	ErrNotRecorded = errors.New("the audit log may not have it")
)

// Log is the part of the outbox that keeps the audit log.
type Log interface {
	// Probe shows that the outbox can be written.
	Probe(ctx context.Context) error
	Record(ctx context.Context, entry audit.Entry) error
}

// Desk changes stores. All fields are required; its methods are safe for concurrent
// use.
type Desk struct {
	// Store is a store of the configuration.
	Store func(name string) (stores.Store, bool)
	Audit Log
	// Reread reads the keys anew that agents have from the store, and returns when
	// what is sealed next is sealed to them, or cannot be; no later than ctx ends.
	Reread func(ctx context.Context, store string)
	Log    zerolog.Logger
}

// Place is where a change is made, and by whom.
type Place struct {
	// Actor is who asks, as the audit log has it.
	Actor string
	Store string
	// Alias is the entry's; empty for the store itself.
	Alias string
	// DryRun checks everything, says what would be done, and does nothing: it has no
	// audit row.
	DryRun bool
}

// Add puts an entry into the store. Alias and DryRun of the addition are those of at.
func (d *Desk) Add(ctx context.Context, at Place, addition stores.Addition) (stores.Outcome, error) {
	adder, err := able[stores.Adder](d, at, "nothing can be put into it")
	if err != nil {
		return stores.Outcome{}, err
	}
	addition.Alias, addition.DryRun = at.Alias, at.DryRun
	return d.change(ctx, at, audit.StoreAdded, func(ctx context.Context) (stores.Outcome, error) { return adder.Add(ctx, addition) })
}

// Remove takes an entry out of the store; purge does so for good.
func (d *Desk) Remove(ctx context.Context, at Place, purge bool) (stores.Outcome, error) {
	remover, err := able[stores.Remover](d, at, "nothing can be taken out of it")
	if err != nil {
		return stores.Outcome{}, err
	}
	removal := stores.Removal{Alias: at.Alias, Purge: purge, DryRun: at.DryRun}
	return d.change(ctx, at, audit.StoreRemoved, func(ctx context.Context) (stores.Outcome, error) { return remover.Remove(ctx, removal) })
}

// Create makes the store.
func (d *Desk) Create(ctx context.Context, at Place) (stores.Outcome, error) {
	creator, err := able[stores.Creator](d, at, "it cannot be made here")
	if err != nil {
		return stores.Outcome{}, err
	}
	return d.change(ctx, at, audit.StoreCreated, func(ctx context.Context) (stores.Outcome, error) { return creator.Create(ctx, at.DryRun) })
}

// Wanted is a key that a store is to make, and what its certificate is to say.
type Wanted struct {
	// Subject is a distinguished name as RFC 4514 writes it, such as CN=web.
	Subject string
	// Kind, Names and the rest are those of a stores.Enrolment.
	Kind          string
	Names         []string
	Tags          map[string]string
	NotExportable bool
}

// Request has the store make a key, and returns the certificate signing request for it,
// as PEM.
func (d *Desk) Request(ctx context.Context, at Place, wanted Wanted) (csr []byte, outcome stores.Outcome, err error) {
	enroller, err := able[stores.Enroller](d, at, "it makes no keys")
	if err != nil {
		return nil, stores.Outcome{}, err
	}
	enrolment := stores.Enrolment{Alias: at.Alias, Kind: wanted.Kind, Tags: wanted.Tags, NotExportable: wanted.NotExportable, DryRun: at.DryRun}
	enrolment.Template.Names = wanted.Names
	if enrolment.Template.Subject, err = keys.ParseSubject(wanted.Subject); err != nil {
		return nil, stores.Outcome{}, fmt.Errorf("%w: subject: %w", stores.ErrInvalid, err)
	}
	outcome, err = d.change(ctx, at, audit.StoreRequested, func(ctx context.Context) (outcome stores.Outcome, err error) {
		csr, outcome, err = enroller.Request(ctx, enrolment)
		return outcome, err
	})
	return csr, outcome, err
}

// Finish gives the store the certificates, as PEM, for the request that it made.
func (d *Desk) Finish(ctx context.Context, at Place, certificates []byte) (stores.Outcome, error) {
	enroller, err := able[stores.Enroller](d, at, "it makes no requests")
	if err != nil {
		return stores.Outcome{}, err
	}
	return d.change(ctx, at, audit.StoreFinished, func(ctx context.Context) (stores.Outcome, error) {
		return enroller.Finish(ctx, at.Alias, certificates, at.DryRun)
	})
}

// able is the store as one that can do what T does; cannot is what it else lacks.
func able[T any](d *Desk, at Place, cannot string) (can T, err error) {
	store, ok := d.Store(at.Store)
	if !ok {
		return can, ErrUnknownStore
	}
	if can, ok = store.(T); !ok {
		return can, fmt.Errorf("store %s: %w: %s", at.Store, ErrCannot, cannot)
	}
	return can, nil
}

// change makes a change, tells the audit log, and has the keys read anew. With
// ErrNotRecorded, and not ErrUncertain, the outcome is that of the change that was made.
func (d *Desk) change(ctx context.Context, at Place, kind audit.Kind, do func(ctx context.Context) (stores.Outcome, error)) (stores.Outcome, error) {
	// Whoever asked may go away: what was begun is brought to its end all the same.
	ctx = context.WithoutCancel(ctx)
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if at.DryRun {
		outcome, err := do(bounded)
		return outcome, where(at, err)
	}
	if err := d.Audit.Probe(bounded); err != nil {
		return stores.Outcome{}, fmt.Errorf("%w: %w", ErrNotBegun, err)
	}
	outcome, err := do(bounded)
	detail := string(outcome.Did)
	switch {
	case refused(err), err == nil && outcome.Did == stores.DidNothing:
		return outcome, where(at, err)
	case errors.Is(err, stores.ErrPartly):
		err, detail = where(at, err), stores.ErrPartly.Error()
	case err != nil:
		err = where(at, fmt.Errorf("%w: %w", ErrUncertain, err))
		detail = ErrUncertain.Error()
	case outcome.Version != "":
		detail += ", version " + outcome.Version
	}
	err = errors.Join(err, d.record(ctx, audit.Entry{At: time.Now(), Kind: kind, Actor: at.Actor, Store: at.Store, Alias: at.Alias, Detail: detail}))
	d.reread(ctx, at.Store)
	return outcome, err
}

func (d *Desk) reread(ctx context.Context, store string) {
	ctx, cancel := context.WithTimeout(ctx, rereadWithin)
	defer cancel()
	d.Reread(ctx, store)
}

// record writes the audit row of what the store has done, which nothing undoes: where
// it cannot be written, the service's log is all that has it.
func (d *Desk) record(ctx context.Context, entry audit.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	logged := func(event *zerolog.Event) *zerolog.Event {
		return event.Str("change", string(entry.Kind)).Str("by", entry.Actor).Str("store", entry.Store).Str("alias", entry.Alias).Str("did", entry.Detail)
	}
	if err := d.Audit.Record(ctx, entry); err != nil {
		logged(d.Log.Error()).Err(err).Msg("a store was changed, and the audit log may not have it")
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	logged(d.Log.Info()).Msg("a store was changed")
	return nil
}

// refused says whether the error is one with which the store was not changed. One that
// says nothing of that, or that something cannot be read, may come after the change: a
// program that was killed, an answer that broke off.
func refused(err error) bool {
	if errors.Is(err, stores.ErrPartly) {
		return false
	}
	for _, class := range []error{stores.ErrNotFound, stores.ErrExists, stores.ErrDeleted, stores.ErrDenied, stores.ErrInvalid} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// where is the error with the store's name; nil for none.
func where(at Place, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store %s: %w", at.Store, err)
}
