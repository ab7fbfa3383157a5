package mailbox_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// rows is an outbox with a single delivery, or none, that counts how often it is
// read.
type rows struct {
	mailbox.Outbox // not called
	mu             sync.Mutex
	waits          bool
	reads          int
	fail           error
}

func (r *rows) List(_ context.Context, filter outbox.Filter) ([]outbox.Delivery, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	if !r.waits || r.fail != nil {
		return nil, r.fail
	}
	key := outbox.Key{Agent: filter.Agent, Destination: filter.Destination, Secret: "prod/db"}
	return []outbox.Delivery{{Key: key, Version: 1, Operation: "set"}}, nil
}

func (r *rows) Holds(context.Context) ([]outbox.Hold, error) { return nil, nil }

func (r *rows) put() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits = true
}

// waiting is a mailbox of one agent whose configuration can change.
type waiting struct {
	*mailbox.Mailbox
	rows  *rows
	agent *mailbox.Agent
	now   *mailbox.Agent
}

func newWaiting(t *testing.T) *waiting {
	t.Helper()
	w := &waiting{rows: &rows{}, agent: agent(t, "web", "mail")}
	w.now = w.agent
	var err error
	w.Mailbox, err = mailbox.New(mailbox.Options{Outbox: w.rows, Issuer: issuer, Log: zerolog.Nop(), Agents: func(string) *mailbox.Agent { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// end is how a wait ended.
type end struct {
	entries int
	err     error
	after   time.Duration
}

func (w *waiting) start(ctx context.Context, wait time.Duration) <-chan end {
	ended := make(chan end, 1)
	go func() {
		began := time.Now()
		box, err := w.List(ctx, w.agent, "", wait)
		ended <- end{len(box.Entries), err, time.Since(began)}
	}()
	return ended
}

func TestWait(t *testing.T) {
	for name, tc := range map[string]struct {
		wait time.Duration
		do   func(*waiting, context.CancelFunc)
		want end
		// reads is how often the outbox is read; 0 where the end of the wait and a
		// look come at the same moment.
		reads int
	}{
		"nothing":       {wait: 5 * time.Second, want: end{0, nil, 5 * time.Second}, reads: 1},
		"polled":        {wait: 55 * time.Second, want: end{0, nil, 55 * time.Second}, reads: 6},
		"longest":       {wait: time.Hour, want: end{0, nil, mailbox.MaxWait}},
		"no wait":       {wait: 0, want: end{0, nil, 0}, reads: 1},
		"there already": {wait: time.Minute, do: func(w *waiting, _ context.CancelFunc) { w.rows.put() }, want: end{1, nil, 0}, reads: 1},
		"comes": {wait: time.Minute, do: func(w *waiting, _ context.CancelFunc) {
			time.AfterFunc(3*time.Second, func() { w.rows.put(); w.Ring("web") })
		}, want: end{1, nil, 3 * time.Second}, reads: 2},
		"comes to another": {wait: 5 * time.Second, do: func(w *waiting, _ context.CancelFunc) {
			time.AfterFunc(3*time.Second, func() { w.Ring("batch") })
		}, want: end{0, nil, 5 * time.Second}, reads: 1},
		"rung for nothing": {wait: 5 * time.Second, do: func(w *waiting, _ context.CancelFunc) {
			time.AfterFunc(3*time.Second, func() { w.Ring("web") })
		}, want: end{0, nil, 5 * time.Second}, reads: 2},
		"from another process": {wait: time.Minute, do: func(w *waiting, _ context.CancelFunc) {
			time.AfterFunc(3*time.Second, w.rows.put)
		}, want: end{1, nil, 10 * time.Second}, reads: 2},
		"gone": {wait: time.Minute, do: func(_ *waiting, cancel context.CancelFunc) {
			time.AfterFunc(3*time.Second, cancel)
		}, want: end{0, context.Canceled, 3 * time.Second}, reads: 1},
		"stopped": {wait: time.Minute, do: func(w *waiting, _ context.CancelFunc) {
			time.AfterFunc(3*time.Second, w.Close)
		}, want: end{0, nil, 3 * time.Second}, reads: 2},
		"stopped before": {wait: time.Minute, do: func(w *waiting, _ context.CancelFunc) { w.Close() }, want: end{0, nil, 0}, reads: 1},
		"reloaded": {wait: time.Minute, do: func(w *waiting, _ context.CancelFunc) {
			time.AfterFunc(3*time.Second, func() { w.now = nil; w.rows.put(); w.Reloaded() })
		}, want: end{0, nil, 3 * time.Second}, reads: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWaiting(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tc.do != nil {
					tc.do(w, cancel)
				}
				if got := <-w.start(ctx, tc.wait); got != tc.want {
					t.Errorf("got %+v, want %+v", got, tc.want)
				}
				if tc.reads > 0 && w.rows.reads != tc.reads {
					t.Errorf("the outbox was read %d times, want %d", w.rows.reads, tc.reads)
				}
			})
		})
	}
}

func TestWaitFails(t *testing.T) {
	w := newWaiting(t)
	w.rows.fail = outbox.ErrUnavailable
	if _, err := w.List(t.Context(), w.agent, "", time.Minute); !errors.Is(err, outbox.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
}

// TestWaiters: an agent has four requests waiting, all agents 4096, and whoever
// leaves makes room.
func TestWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaiting(t)
		ctx, cancel := context.WithCancel(t.Context())
		var ends []<-chan end
		for range 4 {
			ends = append(ends, w.start(ctx, time.Minute))
		}
		synctest.Wait()
		if got := <-w.start(t.Context(), time.Minute); !errors.Is(got.err, mailbox.ErrAgentWaits) {
			t.Errorf("the fifth got %+v", got)
		}
		if got := <-w.start(t.Context(), 0); got.err != nil {
			t.Errorf("one that does not wait got %+v", got)
		}
		cancel()
		for _, ended := range ends {
			<-ended
		}
		w.rows.put()
		if got := <-w.start(t.Context(), time.Minute); got.entries != 1 || got.err != nil {
			t.Errorf("after they left got %+v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWaiting(t)
		var all sync.WaitGroup
		for i := range 4096 {
			own := *w.agent
			own.Name = "agent" + string(rune('0'+i%4)) + time.Duration(i/4).String()
			all.Go(func() {
				if _, err := w.List(t.Context(), &own, "", time.Minute); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if _, err := w.List(t.Context(), w.agent, "", time.Minute); !errors.Is(err, mailbox.ErrFull) {
			t.Errorf("one more got %v", err)
		}
		w.Close()
		all.Wait()
	})
}

// TestAskedKeys: an agent that waits is told at once that an operator asks for its
// next key, and then with each answer.
func TestAskedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaiting(t)
		asked := agent(t, "web", "mail")
		asked.AskedKeys = true
		answer := make(chan wire.Mailbox, 1)
		go func() {
			box, err := w.List(t.Context(), w.agent, "", time.Minute)
			if err != nil {
				t.Error(err)
			}
			answer <- box
		}()
		synctest.Wait()
		w.now = asked
		w.Reloaded()
		if box := <-answer; !box.AskedKeys || len(box.Entries) > 0 {
			t.Errorf("the one that waited got %+v", box)
		}
		if box, err := w.List(t.Context(), asked, "", 0); err != nil || !box.AskedKeys {
			t.Errorf("the next got %+v, %v", box, err)
		}
	})
}
