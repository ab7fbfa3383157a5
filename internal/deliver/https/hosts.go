package https

import (
	"context"
	"sync"
)

// maxPerHost bounds the requests to one host at a time: a receiver that is slow
// for many agents is not made slower, and does not use up what others need.
const maxPerHost = 16

// hosts bounds them across all destinations: those of many agents may be one
// host, and a reloaded configuration makes new ones while deliveries of the old
// are still under way.
var hosts = keyedSlots{byKey: map[string]*slots{}}

// keyedSlots has maxPerHost slots per key, kept only while somebody wants one.
type keyedSlots struct {
	mu    sync.Mutex
	byKey map[string]*slots
}

type slots struct {
	taken chan struct{}
	users int
}

// acquire waits for a slot, or for ctx, and returns what gives it back.
func (k *keyedSlots) acquire(ctx context.Context, key string) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := k.use(key)
	select {
	case s.taken <- struct{}{}:
		return func() {
			<-s.taken
			k.leave(key, s)
		}, nil
	case <-ctx.Done():
		k.leave(key, s)
		return nil, ctx.Err()
	}
}

func (k *keyedSlots) use(key string) *slots {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.byKey[key]
	if s == nil {
		s = &slots{taken: make(chan struct{}, maxPerHost)}
		k.byKey[key] = s
	}
	s.users++
	return s
}

func (k *keyedSlots) leave(key string, s *slots) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(k.byKey, key)
	}
}
