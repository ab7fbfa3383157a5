package file

import "sync"

// locks excludes writers of one secret in one folder from each other,
// whichever Destination they use: a reloaded configuration makes new ones
// while deliveries of the old are still under way.
var locks = keyedMutex{waiting: map[string]*waiters{}}

// keyedMutex is a mutex per key, kept only while somebody wants it.
type keyedMutex struct {
	mu      sync.Mutex
	waiting map[string]*waiters
}

type waiters struct {
	sync.Mutex
	count int
}

// lock waits for the key's mutex and returns what releases it.
func (k *keyedMutex) lock(key string) (unlock func()) {
	k.mu.Lock()
	w := k.waiting[key]
	if w == nil {
		w = &waiters{}
		k.waiting[key] = w
	}
	w.count++
	k.mu.Unlock()
	w.Lock()
	return func() {
		w.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if w.count--; w.count == 0 {
			delete(k.waiting, key)
		}
	}
}
