package mailbox

import (
	"context"
	"sync"
	"time"
)

// remembered is how long an answer is kept: a signed request can come again for ten
// minutes, if the agent's clock is as far ahead as it may be.
const remembered = 11 * time.Minute

// once answers a request that comes again as it answered the first one, and does its
// work a single time. It is in memory: a restart forgets.
type once[T any] struct {
	// most bounds the answers that are kept of one agent.
	most int

	mu      sync.Mutex
	answers map[string]*answer[T]
	// kept are the keys of answers, the oldest first, and of how many an agent has.
	kept  []keptAnswer
	count map[string]int
}

// answer is one that is being made, until done is closed, or is made.
type answer[T any] struct {
	done  chan struct{}
	value T
	err   error
	at    time.Time
}

type keptAnswer struct {
	agent, key string
	at         time.Time
}

func newOnce[T any](most int) *once[T] {
	return &once[T]{most: most, answers: map[string]*answer[T]{}, count: map[string]int{}}
}

// do returns what work returned for the first request of the agent with that key, and
// when that was. An error is not kept: whoever comes again then has the work done anew.
// ErrAgentWaits if the agent has too many answers that are kept.
func (o *once[T]) do(ctx context.Context, agent, key string, work func() (T, error)) (value T, at time.Time, err error) {
	key = agent + "\x00" + key
	for {
		own, present, err := o.enter(agent, key)
		switch {
		case err != nil:
			return value, at, err
		case own:
			defer o.leave(agent, key, present)
			present.value, present.err = work()
			present.at = time.Now()
			return present.value, present.at, present.err
		}
		select {
		case <-present.done:
		case <-ctx.Done():
			return value, at, ctx.Err()
		}
		if present.err == nil {
			return present.value, present.at, nil
		}
	}
}

// enter returns the answer of that key, and whether the caller is to make it.
func (o *once[T]) enter(agent, key string) (own bool, present *answer[T], err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forget(time.Now().Add(-remembered))
	if present := o.answers[key]; present != nil {
		return false, present, nil
	}
	if o.count[agent] >= o.most {
		return false, nil, ErrAgentWaits
	}
	// An error stays if the work panics.
	present = &answer[T]{done: make(chan struct{}), err: errNotDone}
	o.answers[key] = present
	o.count[agent]++
	return true, present, nil
}

// leave keeps the answer, unless it is an error.
func (o *once[T]) leave(agent, key string, present *answer[T]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if present.err != nil {
		o.drop(agent, key)
	} else {
		o.kept = append(o.kept, keptAnswer{agent, key, present.at})
	}
	close(present.done)
}

// forget drops the answers that are older.
func (o *once[T]) forget(than time.Time) {
	for len(o.kept) > 0 && o.kept[0].at.Before(than) {
		o.drop(o.kept[0].agent, o.kept[0].key)
		o.kept = o.kept[1:]
	}
}

func (o *once[T]) drop(agent, key string) {
	delete(o.answers, key)
	if o.count[agent]--; o.count[agent] == 0 {
		delete(o.count, agent)
	}
}
