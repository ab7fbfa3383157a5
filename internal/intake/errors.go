package intake

import (
	"errors"
	"fmt"
	"time"
)

// The classes in which intake refuses an event that was read. Their words are
// safe to send back.
var (
	// ErrForbidden: the source may not do that, or not from there.
	ErrForbidden = errors.New("not allowed")
	// ErrNoRoute: nobody would get the secret.
	ErrNoRoute = errors.New("no route for the secret")
	// ErrReplayed: a signed body that came before, with changes of the secret
	// since.
	ErrReplayed = errors.New("the request was sent before")
	// ErrRecipientsChanged: what the sender has sealed is not for exactly those
	// who get the secret now, or not with exactly their keys.
	ErrRecipientsChanged = errors.New("the recipients changed")
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
