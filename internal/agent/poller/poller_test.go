package poller_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/agent/poller"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// fake is a mailbox that waits as the service's does.
type fake struct {
	mu       sync.Mutex
	waiting  map[string]int64
	changed  chan struct{}
	lists    int
	fetched  []string
	answered map[string]string
	// away: the service is not reached; impatient: it does not wait.
	away, impatient bool
	// retryAfter is what it asks for while it is away.
	retryAfter time.Duration
}

func newFake() *fake {
	return &fake{waiting: map[string]int64{}, changed: make(chan struct{}, 1), answered: map[string]string{}}
}

func (f *fake) put(id string, version int64) {
	f.mu.Lock()
	f.waiting[id] = version
	f.mu.Unlock()
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

func (f *fake) List(ctx context.Context, wait time.Duration) ([]wire.MailboxEntry, error) {
	f.mu.Lock()
	f.lists++
	away, impatient, empty, retryAfter := f.away, f.impatient, len(f.waiting) == 0, f.retryAfter
	f.mu.Unlock()
	switch {
	case away && retryAfter > 0:
		return nil, fmt.Errorf("list: %w", &wire.ProblemError{StatusCode: 503, RetryAfter: retryAfter})
	case away:
		return nil, errors.New("not reached")
	}
	if empty && !impatient {
		select {
		case <-f.changed:
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries []wire.MailboxEntry
	for id, version := range f.waiting {
		entries = append(entries, wire.MailboxEntry{ID: id, Version: version})
	}
	return entries, nil
}

func (f *fake) Fetch(_ context.Context, id string) (wire.Delivery, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fetched = append(f.fetched, id)
	return wire.Delivery{Statement: fmt.Sprintf("%s %d", id, f.waiting[id])}, nil
}

func (f *fake) Acknowledge(_ context.Context, id, receipt string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answered[id] = receipt
	delete(f.waiting, id)
	return nil
}

func (f *fake) counts() (lists, fetched int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lists, len(f.fetched)
}

// run runs a poller in a bubble until do returns.
func run(t *testing.T, accept func(string) error, do func(t *testing.T, f *fake)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := &poller.Poller{Mailbox: f, Log: zerolog.Nop(), Accept: func(_ context.Context, delivery wire.Delivery) (string, error) {
			return "receipt of " + delivery.Statement, accept(delivery.Statement)
		}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.Run(ctx); close(ended) }()
		do(t, f)
		cancel()
		<-ended
	})
}

func all(string) error { return nil }

// after is the state of the bubble when the time has passed.
func after(pause time.Duration) {
	<-time.After(pause)
	synctest.Wait()
}

func TestTakes(t *testing.T) {
	run(t, all, func(t *testing.T, f *fake) {
		after(time.Hour)
		if lists, _ := f.counts(); lists > 61 {
			t.Errorf("%d lists in an hour in which nothing came", lists)
		}
		for i := range 10 {
			f.put(fmt.Sprint("e", i), 7)
		}
		after(time.Millisecond)
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.waiting) > 0 || f.answered["e3"] != "receipt of e3 7" {
			t.Errorf("left are %v, answered %v", f.waiting, f.answered)
		}
	})
}

// TestAway: the mailbox is asked less and less, and what waited is taken when it is
// back.
func TestAway(t *testing.T) {
	run(t, all, func(t *testing.T, f *fake) {
		f.mu.Lock()
		f.away = true
		f.mu.Unlock()
		after(time.Hour)
		if lists, _ := f.counts(); lists < 20 || lists > 60 {
			t.Errorf("%d lists in an hour", lists)
		}
		f.mu.Lock()
		f.away = false
		f.mu.Unlock()
		f.put("e", 1)
		after(3 * time.Minute)
		if _, fetched := f.counts(); fetched != 1 {
			t.Errorf("%d fetched", fetched)
		}
	})
}

// TestRetryAfter: what the service asks for is kept to.
func TestRetryAfter(t *testing.T) {
	run(t, all, func(t *testing.T, f *fake) {
		f.mu.Lock()
		f.away, f.retryAfter = true, 5*time.Minute
		f.mu.Unlock()
		f.put("e", 1) // Ends the List that waits.
		after(time.Hour)
		if lists, _ := f.counts(); lists < 11 || lists > 15 {
			t.Errorf("%d lists in an hour", lists)
		}
	})
}

// TestRefused: an entry that cannot be taken is tried less and less, does not hold
// up others, and is tried at once when a new version comes.
func TestRefused(t *testing.T) {
	refuse := func(statement string) error {
		if statement == "bad 1" {
			return errors.New("not for us")
		}
		return nil
	}
	run(t, refuse, func(t *testing.T, f *fake) {
		f.put("bad", 1)
		after(time.Hour)
		if lists, fetched := f.counts(); fetched < 8 || fetched > 25 || lists > 12*60+60 {
			t.Errorf("%d lists and %d fetched in an hour", lists, fetched)
		}
		f.put("good", 1)
		after(6 * time.Second)
		f.mu.Lock()
		if f.answered["good"] == "" || f.answered["bad"] != "" {
			t.Errorf("answered %v", f.answered)
		}
		f.fetched = nil
		f.mu.Unlock()
		f.put("bad", 2)
		after(6 * time.Second)
		f.mu.Lock()
		defer f.mu.Unlock()
		if !slices.Equal(f.fetched, []string{"bad"}) || f.answered["bad"] == "" {
			t.Errorf("fetched %v, answered %v", f.fetched, f.answered)
		}
	})
}

// TestImpatient: a service that does not wait is not asked without a pause.
func TestImpatient(t *testing.T) {
	run(t, all, func(t *testing.T, f *fake) {
		f.mu.Lock()
		f.impatient = true
		f.mu.Unlock()
		f.put("e", 1)
		after(time.Minute)
		if lists, _ := f.counts(); lists > 65 {
			t.Errorf("%d lists in a minute", lists)
		}
	})
}
