package layout

import (
	"context"
	"sync"
)

// locks excludes writers of one secret in one place from each other, whichever
// Destination they use: a reloaded configuration makes new ones while
// deliveries of the old are still under way.
var locks = keyedLock{waiting: map[string]*waiters{}}

// Lock waits until nobody else in this process works on the secret in the
// place, and returns what ends that; the error is that of ctx.
func Lock(ctx context.Context, place, secret string) (unlock func(), err error) {
	return locks.lock(ctx, place+"\x00"+secret)
}

// keyedLock is a lock per key, kept only while somebody wants it.
type keyedLock struct {
	mu      sync.Mutex
	waiting map[string]*waiters
}

type waiters struct {
	// held has room for the one who holds the lock.
	held  chan struct{}
	count int
}

func (k *keyedLock) lock(ctx context.Context, key string) (unlock func(), err error) {
	k.mu.Lock()
	w := k.waiting[key]
	if w == nil {
		w = &waiters{held: make(chan struct{}, 1)}
		k.waiting[key] = w
	}
	w.count++
	k.mu.Unlock()
	select {
	case w.held <- struct{}{}:
		return func() { <-w.held; k.leave(key, w) }, nil
	case <-ctx.Done():
		k.leave(key, w)
		return nil, ctx.Err()
	}
}

func (k *keyedLock) leave(key string, w *waiters) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if w.count--; w.count == 0 {
		delete(k.waiting, key)
	}
}
