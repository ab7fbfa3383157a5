package sftp

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// maxSessions bounds the connections of a destination. A server takes ten at
	// once that have not logged in yet (MaxStartups of sshd_config(5)).
	maxSessions = 4
	// idleFor is how long a connection is kept for the next delivery.
	idleFor = time.Minute
)

// pool keeps the sessions of a destination that are in no use.
type pool struct {
	connect func(context.Context) (*session, error)
	idleFor time.Duration
	// slots has room for each session that is in use.
	slots chan struct{}

	mu   sync.Mutex
	idle []idle // the one used last at the end
}

type idle struct {
	*session
	timer *time.Timer
}

func newPool(connect func(context.Context) (*session, error)) *pool {
	return &pool{connect: connect, idleFor: idleFor, slots: make(chan struct{}, maxSessions)}
}

// take returns a session, and whether it was used before: then it may turn out
// to be lost. It waits while all are in use.
func (p *pool) take(ctx context.Context) (s *session, reused bool, err error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if s := p.pop(); s != nil {
		return s, true, nil
	}
	if s, err = p.connect(ctx); err != nil {
		<-p.slots
		return nil, false, err
	}
	return s, false, nil
}

func (p *pool) pop() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		select {
		case <-last.ended:
			last.timer.Stop()
		default:
			if last.timer.Stop() {
				return last.session
			}
		}
	}
	return nil
}

// give takes a session back, to keep it if it is good still.
func (p *pool) give(s *session, good bool) {
	defer func() { <-p.slots }()
	if !good {
		s.close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, idle{s, time.AfterFunc(p.idleFor, func() { p.drop(s) })})
}

// drop ends a session that was idle for long.
func (p *pool) drop(s *session) {
	s.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = slices.DeleteFunc(p.idle, func(kept idle) bool { return kept.session == s })
}
