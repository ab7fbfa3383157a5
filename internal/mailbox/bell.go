package mailbox

import (
	"errors"
	"sync"
)

// The largest numbers of requests that wait: of one agent, which needs one, and
// two while it starts anew; and of all, since each holds a connection.
const (
	maxWaitersOfAgent = 4
	maxWaiters        = 4096
)

// The bounds as errors.
var (
	// ErrAgentWaits: the agent waits too often at once.
	ErrAgentWaits = errors.New("the agent waits for its mailbox in other requests")
	// ErrFull: too many requests wait.
	ErrFull = errors.New("too many agents wait for their mailboxes")
)

// bell wakes those that wait for something to come to an agent.
type bell struct {
	mu      sync.Mutex
	waiters map[string]map[chan struct{}]struct{}
	count   int
}

func newBell() bell { return bell{waiters: map[string]map[chan struct{}]struct{}{}} }

// listen returns what gets a signal at each ring for the agent from now on;
// signals that nobody waited for are merged. leave ends it.
func (b *bell) listen(agent string) (rings <-chan struct{}, leave func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.waiters[agent]) >= maxWaitersOfAgent:
		return nil, nil, ErrAgentWaits
	case b.count >= maxWaiters:
		return nil, nil, ErrFull
	}
	waiter := make(chan struct{}, 1)
	if b.waiters[agent] == nil {
		b.waiters[agent] = map[chan struct{}]struct{}{}
	}
	b.waiters[agent][waiter] = struct{}{}
	b.count++
	return waiter, func() { b.leave(agent, waiter) }, nil
}

func (b *bell) leave(agent string, waiter chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiters[agent], waiter)
	if len(b.waiters[agent]) == 0 {
		delete(b.waiters, agent)
	}
	b.count--
}

// ring wakes those that wait for the agent.
func (b *bell) ring(agent string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wake(b.waiters[agent])
}

func (b *bell) ringAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, waiters := range b.waiters {
		wake(waiters)
	}
}

func wake(waiters map[chan struct{}]struct{}) {
	for waiter := range waiters {
		select {
		case waiter <- struct{}{}:
		default: // it has a signal already
		}
	}
}
