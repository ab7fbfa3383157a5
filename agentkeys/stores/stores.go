// Package stores is about certificate stores: where the certificates and keys are
// that agents' public keys are taken from, and that operators keep true. Each kind
// of store is a package below this one; package kinds has the table of them,
// package storetest the suite that every kind passes.
//
// A Store lists what it has. What else can be done with one, its kind says by the
// interfaces [Adder], [Remover], [Creator], [Enroller] and [Discoverer].
package stores

import (
	"context"
	"errors"
	"iter"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// The classes in which work on a store fails. An error that wraps none of them
// leaves open what the store holds: nobody may act on it as if it were ErrNotFound.
var (
	// ErrNotFound: the store answered, and has no such entry.
	ErrNotFound = errors.New("not in the store")
	// ErrExists: there is an entry of that alias, and it may not be replaced.
	ErrExists = errors.New("already in the store")
	// ErrDeleted: an entry of that alias was deleted and is kept for recovery, so
	// that the alias cannot be used.
	ErrDeleted = errors.New("deleted, but kept for recovery")
	// ErrDenied: who works on the store may not do this.
	ErrDenied = errors.New("permission denied")
	// ErrInvalid: what was asked for cannot be in a store of this kind.
	ErrInvalid = errors.New("not possible in this store")
	// ErrUnreadable: the store or an entry of it is there and cannot be read.
	ErrUnreadable = errors.New("cannot be read")
	// ErrPartly: a change was made in part, and not in whole for the reason that is
	// wrapped beside it, which may be of another class.
	ErrPartly = errors.New("done in part only")
)

// Store is a place with certificates or public keys, each under an alias.
// Implementations are safe for concurrent use. No error's text holds a private
// key or a password.
type Store interface {
	// Inventory yields every entry, once, in no particular order. An entry that
	// cannot be read is yielded with its Problem; an error ends the sequence, and
	// then what was not yielded is unknown. It ends with ctx's error soon after
	// ctx ends.
	Inventory(ctx context.Context) iter.Seq2[Entry, error]
	// Lookup returns the entry of that alias. The error wraps ErrNotFound only if
	// the store is known not to have it.
	Lookup(ctx context.Context, alias string) (Entry, error)
}

// Entry is what a store has under an alias.
type Entry struct {
	Alias string
	// Key is the public key with its certificate and the chain that is kept beside
	// it; nil if there is a Problem.
	Key *keys.Public
	// Private says what the store has of the private half.
	Private Private
	// Version is the store's own name of this state of the entry; empty if it has
	// none.
	Version string
	// Disabled: the store keeps the entry and does not let it be used.
	Disabled bool
	// Pending: a request for a certificate is under way in the store.
	Pending bool
	// Tags are the store's own, which anybody who lists may read.
	Tags map[string]string
	// Problem is why the entry cannot be read; nil if it was.
	Problem error
	// Incomplete is what of the entry could not be read, and why, while the rest was;
	// nil if all was.
	Incomplete error
}

// Private is what a store has of an entry's private key.
type Private string

// What a store may have of a private key.
const (
	// PrivateUnknown: the store does not say.
	PrivateUnknown Private = ""
	// PrivateNone: the store has the public half only.
	PrivateNone Private = "none"
	// PrivateExportable: the store has it and gives it away.
	PrivateExportable Private = "exportable"
	// PrivateKept: the store has it and does not give it away.
	PrivateKept Private = "kept"
)

// Outcome is what a change did, or with DryRun would do.
type Outcome struct {
	Did Did
	// Version is the store's own name of the new state; empty if it has none, and
	// with DryRun.
	Version string
	// Notes are what the operator should know besides, a sentence each.
	Notes []string
}

// Did is what a change comes to.
type Did string

// What a change may come to.
const (
	DidAdd     Did = "added"
	DidReplace Did = "replaced"
	DidRecover Did = "recovered and replaced"
	DidNothing Did = "unchanged"
	DidRemove  Did = "removed"
	DidPurge   Did = "removed for good"
	DidCreate  Did = "created"
	DidRequest Did = "requested"
	DidFinish  Did = "finished"
)

// Adder is a store that entries can be put into.
type Adder interface {
	// Add puts an entry in place, durably, whole or not at all. The same
	// certificate again, with nothing else changed, is DidNothing. It fails with
	// ErrExists if the alias is taken and Overwrite is not set, and decides that
	// on certain knowledge only: if the store cannot say, nothing is written.
	// ErrInvalid is what breaks a limit of the store, and is found before
	// anything is sent.
	Add(ctx context.Context, addition Addition) (Outcome, error)
}

// Addition is an entry to put into a store.
type Addition struct {
	Alias string
	// Private is the private key, in a type that keys.MarshalPrivate takes; nil to
	// add the certificates only.
	Private any
	// Certificates are the key's own first and those it was issued by, as PEM.
	Certificates []byte
	// Overwrite allows to replace what is there.
	Overwrite bool
	// Recover allows to recover a deleted entry of that alias to replace it.
	Recover bool
	// Tags are the store's own, where it has such.
	Tags map[string]string
	// KeepTags keeps the tags that are there and that Tags does not name.
	KeepTags bool
	// NotExportable asks the store never to give away the private key.
	NotExportable bool
	// DryRun checks everything, says what would be done, and does nothing.
	DryRun bool
}

// Remover is a store that entries can be taken out of.
type Remover interface {
	// Remove takes an entry away and returns once it is gone. The error wraps
	// ErrNotFound if there is none.
	Remove(ctx context.Context, removal Removal) (Outcome, error)
}

// Removal is an entry to take out of a store.
type Removal struct {
	Alias string
	// Purge removes for good what the store would keep for recovery.
	Purge bool
	// DryRun checks everything, says what would be done, and does nothing.
	DryRun bool
}

// Creator is a store that can be made.
type Creator interface {
	// Create makes the store, empty, as its settings say. The error wraps
	// ErrExists if it is there.
	Create(ctx context.Context, dryRun bool) (Outcome, error)
}

// Enroller is a store that makes a key by itself, which never leaves it, and
// takes the certificate for it.
type Enroller interface {
	// Request makes a key and returns a certificate signing request for it, as
	// PEM. One that is under way already is returned again, with DidNothing. The
	// certificate in use stays what it is.
	Request(ctx context.Context, enrolment Enrolment) (csr []byte, outcome Outcome, err error)
	// Finish puts the certificate for the request in place: its own first and
	// those it was issued by, as PEM. A certificate for another key is ErrInvalid.
	Finish(ctx context.Context, alias string, certificates []byte, dryRun bool) (Outcome, error)
}

// Enrolment is a key to make and what its certificate is to say.
type Enrolment struct {
	Alias string
	// Kind is one of keys.Kinds, of those that the store can make.
	Kind string
	// Template has the subject and the names; its validity is left to the authority.
	Template keys.Template
	// Tags are the store's own, where it has such. Those of the certificate in use
	// are kept beside them.
	Tags map[string]string
	// NotExportable asks the store never to give away the private key.
	NotExportable bool
	// DryRun checks everything, says what would be done, and does nothing.
	DryRun bool
}

// Discoverer finds stores.
type Discoverer interface {
	// Discover yields what it finds as it finds it. A place that could not be
	// searched is yielded with its Problem and ends nothing; an error ends the
	// sequence.
	Discover(ctx context.Context) iter.Seq2[Found, error]
}

// Found is a store that was found, or a place that could not be searched.
type Found struct {
	// Kind is the kind of store, or of the place.
	Kind string
	// Path names it, as the kind's settings do.
	Path string
	// About is what else is known of it, by name.
	About map[string]string
	// Problem is why the place could not be searched; nil if it is a store.
	Problem error
}
