package deliver

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// shares keeps each destination to its share of the workers and to its rate. Its
// methods may be called by several goroutines.
type shares struct {
	// limit is how many attempts are made at once at one destination, rate how
	// many are begun in a second; 0 means any number.
	limit int
	rate  func(outbox.Destination) float64

	mu sync.Mutex
	// used has each destination that was ever asked for.
	used map[outbox.Destination]*share
	// refill is when the first destination that had no room for its rate has
	// some again; zero if there was none since it was last asked for.
	refill time.Time
}

type share struct {
	running int
	// pace is nil where there is no rate.
	pace *rate.Limiter
}

// room is an [outbox.Room].
func (s *shares) room(at outbox.Destination) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.at(at)
	room := s.limit - used.running
	if room < 1 || used.pace == nil {
		return room
	}
	now := time.Now()
	tokens := used.pace.TokensAt(now)
	if tokens < 1 {
		s.refillAt(now.Add(time.Duration((1 - tokens) / float64(used.pace.Limit()) * float64(time.Second))))
	}
	return min(room, int(tokens))
}

func (s *shares) refillAt(at time.Time) {
	if s.refill.IsZero() || at.Before(s.refill) {
		s.refill = at
	}
}

// at is the share of a destination, with the rate that holds now.
func (s *shares) at(at outbox.Destination) *share {
	used := s.used[at]
	if used == nil {
		used = &share{}
		s.used[at] = used
	}
	switch perSecond := s.rate(at); {
	case perSecond <= 0:
		used.pace = nil
	case used.pace == nil || used.pace.Limit() != rate.Limit(perSecond):
		// A second's worth may be begun at once, or one.
		used.pace = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
	}
	return used
}

// begin takes room for an attempt. What was claimed although the room is gone
// meanwhile is attempted all the same, and paid back.
func (s *shares) begin(at outbox.Destination) {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.at(at)
	used.running++
	if used.pace != nil {
		used.pace.ReserveN(time.Now(), 1)
	}
}

func (s *shares) end(at outbox.Destination) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[at].running--
}

// nextRefill is when a destination has room again whose rate left none since
// the last call; zero if there was none.
func (s *shares) nextRefill() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	refill := s.refill
	s.refill = time.Time{}
	return refill
}
