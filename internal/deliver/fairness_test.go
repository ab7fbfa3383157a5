package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

var errRefused = errors.New("connection refused")

// hang answers when its time is up.
func hang(ctx context.Context, _ outbox.Delivery) error {
	<-ctx.Done()
	return ctx.Err()
}

func refuse(context.Context, outbox.Delivery) error { return errRefused }

// Ten thousand deliveries wait at a destination that is slow or dead, and were
// there first. Whatever comes for the others is delivered without any time
// passing: the bubble's clock goes on only when all of it is done.
func TestOneDestinationHoldsUpNoOther(t *testing.T) {
	const others, each = 20, 10
	backlog := 10_000
	if testing.Short() {
		backlog = 1000
	}
	for _, test := range []struct {
		name   string
		behave func(context.Context, outbox.Delivery) error
		// attempts are those that the backlog gets before the clock goes on.
		attempts int
	}{
		{"slow", hang, 4},
		{"dead", refuse, 8}, // five that break it and up to three begun before
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := openReal(t)
				r.commit("bad", backlog)
				defer r.run(behaviour{"bad": test.behave}, nil)()
				synctest.Wait()
				began := time.Now()
				for i := range others {
					r.commit(fmt.Sprint("good", i), each)
				}
				synctest.Wait()
				if got := r.counts()[outbox.Delivered]; got != others*each || !time.Now().Equal(began) {
					t.Errorf("%d of %d others delivered after %v, want all at once", got, others*each, time.Since(began))
				}
				if got := r.tried("bad"); got < 1 || got > test.attempts || r.most["bad"] > 4 {
					t.Errorf("%d attempts at the bad destination, %d at once; want at most %d, 4 at once", got, r.most["bad"], test.attempts)
				}
			})
		})
	}
}

func TestBreaker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const backlog = 1000
		r := openReal(t)
		r.commit("a", backlog)
		var works atomic.Bool
		defer r.run(behaviour{"a": func(context.Context, outbox.Delivery) error {
			if works.Load() {
				return nil
			}
			return errRefused
		}}, nil)()
		pass(time.Hour)
		// Eight at most until it breaks, then after 5, 15, 45, 135, 405, 1215 s
		// and so on, a fifth more or less.
		tried := r.tried("a")
		if tried < 5+5 || tried > 8+8 {
			t.Errorf("%d attempts in an hour", tried)
		}
		failed := 0
		for after := (*outbox.Key)(nil); ; {
			page, err := r.box.List(t.Context(), outbox.Filter{After: after})
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, d := range page {
				failed += d.Attempts
			}
			after = &page[len(page)-1].Key
		}
		if failed != tried {
			t.Errorf("%d failed attempts are counted, %d were made", failed, tried)
		}
		if holds, err := r.box.Holds(t.Context()); err != nil || len(holds) != 1 || holds[0].Reason != errRefused.Error() || holds[0].Faults != tried {
			t.Errorf("holds are %+v (error %v)", holds, err)
		}
		r.wantLogged(map[string]int{"destination keeps failing": 1, `"level":"warn"`: 1, "works again": 0})

		works.Store(true)
		pass(90 * time.Minute) // the longest pause and its variation
		if got := r.counts(); got[outbox.Delivered] != backlog {
			t.Errorf("%v after it works again, want all delivered", got)
		}
		r.wantLogged(map[string]int{"destination keeps failing": 1, `"level":"warn"`: 1, "works again": 1})
	})
}

// wantLogged checks how often the log has each text.
func (r *real) wantLogged(want map[string]int) {
	r.t.Helper()
	for text, n := range want {
		if got := strings.Count(r.log.String(), text); got != n {
			r.t.Errorf("log has %q %d times, want %d", text, got, n)
		}
	}
}

// A refusal of one delivery is not the destination's failure.
func TestFinalFailuresDoNotBreak(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := openReal(t)
		r.commit("a", 50)
		defer r.run(behaviour{"a": func(context.Context, outbox.Delivery) error { return deliver.Final(errRefused) }}, nil)()
		synctest.Wait()
		if got := r.counts(); got[outbox.Dead] != 50 {
			t.Errorf("%v, want all dead", got)
		}
		r.wantLogged(map[string]int{"delivery given up": 50, "destination keeps failing": 0})
	})
}

func TestRetryAfterHoldsTheProbe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := openReal(t)
		r.commit("a", 20)
		defer r.run(behaviour{"a": func(context.Context, outbox.Delivery) error {
			return deliver.After(errRefused, time.Now().Add(30*time.Minute))
		}}, nil)()
		pass(29 * time.Minute)
		before := r.tried("a")
		pass(2 * time.Minute)
		if after := r.tried("a"); before > 8 || after != before+1 {
			t.Errorf("%d attempts before the time that it asked for, %d after; want one more", before, after)
		}
	})
}

func TestRate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := openReal(t)
		r.commit("limited", 100)
		r.commit("free", 100)
		perSecond := 5.0
		defer r.run(nil, func(o *deliver.Options) {
			o.Rate = func(at outbox.Destination) float64 {
				if at.Agent == "limited" {
					return perSecond
				}
				return 0
			}
		})()
		synctest.Wait()
		if got := r.tried("free"); got != 100 {
			t.Errorf("%d of the others delivered at once, want 100", got)
		}
		pass(10*time.Second + 50*time.Millisecond)
		if got := r.tried("limited"); got < 54 || got > 55 { // a second's worth at once, then five each second
			t.Errorf("%d attempts in 10 s at 5 a second", got)
		}
	})
}

func TestPauseAndResume(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := openReal(t)
		at := outbox.Destination{Agent: "a", Destination: "d"}
		now := func(kind audit.Kind) audit.Entry { return audit.Entry{At: time.Now(), Kind: kind, Actor: "operator"} }
		if _, err := r.box.Pause(t.Context(), at, now(audit.DeliveryPaused)); err != nil {
			t.Fatal(err)
		}
		r.commit("a", 1)
		r.commit("b", 1)
		var works atomic.Bool
		defer r.run(behaviour{"a": func(context.Context, outbox.Delivery) error {
			if works.Load() {
				return nil
			}
			return errRefused
		}}, func(o *deliver.Options) { o.Schedule.GiveUpAfter = time.Hour })()
		pass(2 * time.Hour)
		if got := r.tried("a"); got != 0 || r.tried("b") != 1 {
			t.Fatalf("%d attempts at the paused destination, %d at the other", got, r.tried("b"))
		}
		if _, err := r.box.Resume(t.Context(), at, now(audit.DeliveryResumed)); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if r.tried("a") == 0 {
			t.Error("nothing was tried within 5 s of the resumption")
		}
		// The pause is not held against it: it fails often enough to be given
		// up, had it the hour from its acceptance on, and lives.
		pass(40 * time.Minute)
		if got := r.tried("a"); got < deliver.DefaultSchedule.MinAttempts {
			t.Errorf("%d attempts show nothing", got)
		}
		works.Store(true)
		pass(time.Hour)
		if got := r.counts(); got[outbox.Delivered] != 2 {
			t.Errorf("%v, want all delivered", got)
		}
	})
}

// A pause that another process makes holds from the next claim on.
func TestPauseWhileRunning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := openReal(t)
		r.commit("a", 1000)
		defer r.run(nil, func(o *deliver.Options) { o.Rate = func(outbox.Destination) float64 { return 10 } })()
		pass(5 * time.Second)
		entry := audit.Entry{At: time.Now(), Kind: audit.DeliveryPaused, Actor: "operator"}
		if paused, err := r.box.Pause(t.Context(), outbox.Destination{Agent: "a"}, entry); !paused || err != nil {
			t.Fatalf("paused %v (error %v)", paused, err)
		}
		before := r.tried("a")
		pass(time.Hour)
		if after := r.tried("a"); before < 50 || before > 70 || after != before {
			t.Errorf("%d attempts before the pause and %d more", before, after-before)
		}
	})
}
