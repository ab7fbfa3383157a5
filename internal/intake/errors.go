package intake

import (
	"errors"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// The classes in which intake refuses an event that was read. Their words are
// safe to send back.
var (
	// ErrForbidden: the source may not do that, or not from there.
	ErrForbidden = errors.New("not allowed")
	// ErrNoRoute: nobody would get the secret.
	ErrNoRoute = errors.New("no route for the secret")
	// ErrKeyRefused: a strict source, and an agent's key fails the policy.
	ErrKeyRefused = errors.New("an agent's key fails the policy")
)

// RateError says that the source sent too much.
type RateError struct {
	// RetryAfter is when a request may be taken again.
	RetryAfter time.Duration
}

func (e *RateError) Error() string {
	return fmt.Sprintf("source sends more than its rate_per_second; try again in %s", e.RetryAfter.Round(time.Millisecond))
}

// maxEventID is the longest event ID, in bytes.
const maxEventID = 256

// checkEventID bounds what a sender may use as an ID: it gets stored, logged
// and sent back.
func checkEventID(id string) error {
	if len(id) > maxEventID {
		return fmt.Errorf("%w: event ID has %d bytes, at most %d are allowed", hooks.ErrMalformed, len(id), maxEventID)
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return fmt.Errorf("%w: event ID has a character that is not printable ASCII", hooks.ErrMalformed)
		}
	}
	if len(id) >= len(repeatPrefix) && id[:len(repeatPrefix)] == repeatPrefix {
		return fmt.Errorf("%w: event ID begins with %q, which is reserved", hooks.ErrMalformed, repeatPrefix)
	}
	return nil
}
