// Package deliver brings sealed deliveries from the outbox to their
// destinations: the [Dispatcher] claims what is due, one attempt is made, and
// the outcome is settled. Each kind of destination is a package below this
// one; package kinds has the table of them, package delivertest the suite
// that every kind passes.
//
// A delivery is attempted at least once: a relay that dies between the attempt
// and its settlement makes it again, so a destination takes repeats, and it
// never lets an older version replace a newer one.
package deliver

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Destination is where an agent's envelopes go. Implementations are safe for
// concurrent use.
type Destination interface {
	// Deliver brings the wanted version of d there: envelope and statement on
	// a set, the statement alone on a delete, which also takes away the
	// envelope. It returns once the version, or a newer one, is there durably,
	// with the agent's receipt for this version if it gave one that verifies.
	// An error is tried again on the dispatcher's schedule unless it is one of
	// [Final]; [After] sets the earliest time, [Later] does so without counting a
	// failure of the destination, and [ErrWaiting] leaves the delivery to the agent. It returns soon after ctx ends. No error's text
	// holds anything of an envelope.
	Deliver(ctx context.Context, d outbox.Delivery) (receipt string, err error)
}

// Placed is what a destination adds if no other may go to the same place,
// because each would replace what the other brought there.
type Placed interface {
	// Place names the place; it is equal for two destinations at one place.
	Place() string
}

// Settings is how a destination's constructor gets its part of the
// configuration.
type Settings struct {
	// Decode fills the fields of a pointer to a struct (tags `yaml:"..."`)
	// strictly: an unknown key is an error with its line.
	Decode func(into any) error
	// Path makes a path of the configuration absolute: a relative one starts
	// at the configuration's folder.
	Path func(string) string
	// ReadSecret reads the file that a `*_file` setting names, relative to
	// the configuration, without the newline at its end.
	ReadSecret func(path string) (*secretbytes.Value, error)
	// Agent is whose destination it is.
	Agent Agent
	// Service reads the issuer's name and key, by which agents know the service.
	Service func() (Service, error)
}

// Agent is what a destination may need to know of the agent whose it is.
type Agent struct {
	Name string
	// SigningKeys are those that its receipts are signed with; empty if it gives
	// none.
	SigningKeys []ed25519.PublicKey
}

// Service is what a destination may need to show that a delivery is the
// service's.
type Service struct {
	Issuer string
	Key    ed25519.PrivateKey
}

// ErrWaiting is no failure: the delivery waits for the agent to fetch it.
var ErrWaiting = errors.New("waiting for the agent to fetch it")

// FinalError is a failure that no repetition mends.
type FinalError struct{ err error }

// Final marks err as one that is not tried again: the delivery is given up
// for it until an operator retries.
func Final(err error) error { return &FinalError{err} }

func (e *FinalError) Error() string { return e.err.Error() }

// Unwrap returns the marked error.
func (e *FinalError) Unwrap() error { return e.err }

// AfterError is a failure whose destination said when to come back.
type AfterError struct {
	// At is the earliest time of the next attempt.
	At  time.Time
	err error
}

// After marks err as one that is not tried again before the time, as a
// Retry-After header asks. The schedule's own next time counts if it is
// later, its end if that is earlier.
func After(err error, at time.Time) error { return &AfterError{at, err} }

func (e *AfterError) Error() string { return e.err.Error() }

// Unwrap returns the marked error.
func (e *AfterError) Unwrap() error { return e.err }

// LaterError is no failure of the destination: it takes no more before a time.
type LaterError struct {
	at  time.Time
	err error
}

// Later says that the destination is well and takes no more before the time: the
// delivery waits until then, or for the schedule's longest pause if that is shorter.
func Later(err error, at time.Time) error { return &LaterError{at, err} }

// At is the earliest time of the next attempt.
func (e *LaterError) At() time.Time { return e.at }

func (e *LaterError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *LaterError) Unwrap() error { return e.err }

func isFinal(err error) bool {
	_, final := errors.AsType[*FinalError](err)
	return final
}

// notBefore is the time that err asks to wait for, zero if it asks for none.
func notBefore(err error) time.Time {
	if after, ok := errors.AsType[*AfterError](err); ok {
		return after.At
	}
	return time.Time{}
}
