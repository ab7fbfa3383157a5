package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/sealrelay/sealrelay/internal/wire"
)

// The pauses between attempts.
const (
	firstPause = time.Second
	// longestPause is that between the attempts of a call that somebody waits for,
	// longestAway that between claims while the service is away.
	longestPause = 10 * time.Second
	longestAway  = 2 * time.Minute
	// longestAsked is the longest pause that the service can ask for.
	longestAsked = 10 * time.Minute
)

// retry makes a call until it succeeds, fails in a way that will not pass, or ctx ends.
func retry(ctx context.Context, call func() error) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := call()
		if err == nil || !passes(err) || !rest(ctx, pause, err) {
			return err
		}
	}
}

// passes says whether the same call may succeed later: the service was not reached, is
// busy, or has a defect.
func passes(err error) bool {
	problem, answered := errors.AsType[*wire.ProblemError](err)
	return !answered || problem.StatusCode == http.StatusTooManyRequests || problem.StatusCode == http.StatusRequestTimeout || problem.StatusCode/100 == 5
}

// rest waits for the pause, give or take a fifth, so that agents that lost the service
// together do not come back together, or longer if the service asked for that. It
// returns false if ctx ends.
func rest(ctx context.Context, pause time.Duration, err error) bool {
	pause = pause*4/5 + rand.N(pause*2/5)
	if problem, answered := errors.AsType[*wire.ProblemError](err); answered {
		pause = max(pause, min(problem.RetryAfter, longestAsked))
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
