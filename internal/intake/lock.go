package intake

import "sync"

// nameLocks lets one goroutine at a time work on a name. Its zero value is
// ready; it holds memory for names in use only.
type nameLocks struct {
	mu    sync.Mutex
	locks map[string]*nameLock
}

type nameLock struct {
	mu    sync.Mutex
	users int
}

// lock waits for the name and returns its unlock.
func (l *nameLocks) lock(name string) (unlock func()) {
	l.mu.Lock()
	if l.locks == nil {
		l.locks = map[string]*nameLock{}
	}
	held := l.locks[name]
	if held == nil {
		held = &nameLock{}
		l.locks[name] = held
	}
	held.users++
	l.mu.Unlock()

	held.mu.Lock()
	return func() {
		held.mu.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if held.users--; held.users == 0 {
			delete(l.locks, name)
		}
	}
}
