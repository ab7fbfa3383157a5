package intake

import (
	"sync"
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// latestMax is how many secrets are remembered: a few MiB.
const latestMax = 1 << 16

// latest remembers the newest version of the secrets that this process
// committed, so that the usual event, a new one of a secret seen before, needs
// no read. It can be behind what another process committed: the commit then
// says ErrConflict, and the secret is read again. Its zero value is ready.
type latest struct {
	mu    sync.Mutex
	known map[string]version
}

type version struct {
	number     int64
	occurredAt time.Time
}

// of is what is remembered of a secret.
func (l *latest) of(secret string) (outbox.Prior, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.known[secret]
	return outbox.Prior{Version: v.number, OccurredAt: v.occurredAt}, ok
}

// set remembers a committed version. When there is no more room all is
// forgotten: the next event of each secret costs a read again, no more.
func (l *latest) set(secret string, number int64, occurredAt time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil || len(l.known) >= latestMax {
		l.known = map[string]version{}
	}
	l.known[secret] = version{number, occurredAt}
}

// forget is for a secret whose latest version is not known any more.
func (l *latest) forget(secret string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, secret)
}
