package poller

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/sealrelay/sealrelay/internal/wire"
)

// longer is the pause after one more failure.
func longer(pause, longest time.Duration) time.Duration {
	return min(max(2*pause, firstPause), longest)
}

// jitter is a pause, give or take a fifth, so that agents that lost the service
// together do not come back together.
func jitter(pause time.Duration) time.Duration {
	return pause*4/5 + rand.N(pause*2/5)
}

// askedFor is how long the service asks to be left alone; 0 if it does not.
func askedFor(err error) time.Duration {
	var problem *wire.ProblemError
	if errors.As(err, &problem) {
		return min(problem.RetryAfter, longestForOne)
	}
	return 0
}

// sleep returns after the time, or when ctx ends.
func sleep(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
