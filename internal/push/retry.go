package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/sealrelay/sealrelay/internal/wire"
)

// The schedule of tries: after the n-th one fails, the next begins between half
// and all of firstWait * 2^(n-1) later, at most maxWait, and not before the time
// that the server asks for.
const (
	firstWait = 500 * time.Millisecond
	maxWait   = 30 * time.Second
)

// networkError is a failure to reach the server or to read its answer: whether
// the event was accepted is not known.
type networkError struct{ err error }

func (e *networkError) Error() string { return e.err.Error() }
func (e *networkError) Unwrap() error { return e.err }

// retry calls try until it succeeds, fails for good, or the bounds of the
// client are reached.
func retry[T any](ctx context.Context, c *Client, try func() (T, error)) (T, error) {
	var none T
	attempts := cmp.Or(c.Attempts, DefaultAttempts)
	end := time.Now().Add(cmp.Or(c.MaxElapsed, DefaultMaxElapsed))
	for attempt := 1; ; attempt++ {
		got, err := try()
		if err == nil || !mayRetry(err) || ctx.Err() != nil {
			return got, err
		}
		wait := waitAfter(attempt, err)
		if attempt == attempts {
			return none, fmt.Errorf("gave up after try %d: %w", attempt, err)
		}
		if time.Now().Add(wait).After(end) {
			return none, fmt.Errorf("gave up after try %d, the next would be in %v: %w", attempt, wait.Round(time.Millisecond), err)
		}
		if !sleep(ctx, wait) {
			return none, fmt.Errorf("%w while waiting to try again; the last try: %w", ctx.Err(), err)
		}
	}
}

// mayRetry says whether the same event may be accepted later.
func mayRetry(err error) bool {
	var problem *wire.ProblemError
	if errors.As(err, &problem) {
		switch problem.StatusCode {
		case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	var network *networkError
	return errors.As(err, &network)
}

func waitAfter(attempt int, err error) time.Duration {
	wait := min(firstWait<<min(attempt-1, 16), maxWait)
	wait -= rand.N(wait/2 + 1)
	var problem *wire.ProblemError
	if errors.As(err, &problem) {
		wait = max(wait, problem.RetryAfter)
	}
	return wait
}

// sleep waits, and says false if ctx ended first.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
