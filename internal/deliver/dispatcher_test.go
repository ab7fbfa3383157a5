package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var key = outbox.Key{Agent: "web", Destination: "files", Secret: "prod/db"}

// rig is a dispatcher at work on a fake outbox, in a synctest bubble.
type rig struct {
	*fakeOutbox
	log  *bytes.Buffer
	stop func()
}

// start runs a dispatcher until stop is called or the test ends. change may
// alter its options.
func start(t *testing.T, box *fakeOutbox, deliver destinationFunc, change func(*Options)) *rig {
	t.Helper()
	log := &bytes.Buffer{}
	opts := Options{
		Outbox:         box,
		Resolve:        func(string, string) (Destination, error) { return deliver, nil },
		Workers:        3,
		PerDestination: 3,
		BreakAfter:     5,
		Lease:          time.Minute,
		Drain:          10 * time.Second,
		Schedule:       DefaultSchedule,
		Log:            zerolog.New(zerolog.SyncWriter(log)),
	}
	if change != nil {
		change(&opts)
	}
	dispatcher, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		dispatcher.Run(ctx)
	}()
	stop := func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return &rig{box, log, stop}
}

// after lets the bubble's clock run for that long and everything settle.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (r *rig) wantStates(t *testing.T, want ...outbox.State) {
	t.Helper()
	var got []outbox.State
	for _, outcome := range r.outcomes() {
		got = append(got, outcome.State)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("settled as %v, want %v; log:\n%s", got, want, r.log)
	}
}

func TestDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var observed atomic.Int32
		box := newFakeOutbox()
		r := start(t, box, func(context.Context, outbox.Delivery) error { return nil }, func(o *Options) {
			o.Observe = func(a Attempt) {
				if a.Key == key && a.State == outbox.Delivered {
					observed.Add(1)
				}
			}
		})
		synctest.Wait()
		began := time.Now()
		box.commit(key, 7)
		box.signal()
		synctest.Wait()
		r.wantStates(t, outbox.Delivered)
		got := r.outcomes()[0]
		if got.Version != 7 || got.Fence != 1 || got.Audit == nil || got.Audit.Kind != audit.DeliveryDelivered ||
			got.Audit.Secret != key.Secret || got.Audit.Agents[0] != key.Agent || got.Audit.Version != 7 {
			t.Errorf("settled with %+v, audit %+v", got, got.Audit)
		}
		if !got.At.Equal(began) {
			t.Errorf("a signalled delivery took %v", got.At.Sub(began))
		}
		if observed.Load() != 1 {
			t.Errorf("observed %d attempts, want 1", observed.Load())
		}
	})
}

func TestFindsWhatAnotherProcessCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := newFakeOutbox()
		r := start(t, box, func(context.Context, outbox.Delivery) error { return nil }, nil)
		synctest.Wait()
		box.commit(key, 1)
		after(pollEvery)
		r.wantStates(t, outbox.Delivered)
	})
}

func TestRetriesOnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := newFakeOutbox()
		began := time.Now()
		var at []time.Duration
		r := start(t, box, func(_ context.Context, d outbox.Delivery) error {
			at = append(at, time.Since(began))
			if d.Attempts < 4 {
				return errors.New("connection refused")
			}
			return nil
		}, nil)
		box.commit(key, 1)
		box.signal()
		after(time.Hour)
		r.wantStates(t, outbox.Pending, outbox.Pending, outbox.Pending, outbox.Pending, outbox.Delivered)
		for i, base := range []time.Duration{5 * time.Second, 15 * time.Second, 45 * time.Second, 135 * time.Second} {
			wait := at[i+1] - at[i]
			if wait < base*8/10 || wait > base*12/10+pollFloor {
				t.Errorf("wait %d was %v, want %v and a fifth either way", i+1, wait, base)
			}
		}
		if n := strings.Count(r.log.String(), `"level":"warn"`); n != 1 {
			t.Errorf("one reason was warned about %d times:\n%s", n, r.log)
		}
	})
}

func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := newFakeOutbox()
		began := time.Now()
		box.commit(key, 1)
		r := start(t, box, func(context.Context, outbox.Delivery) error { return errors.New("connection refused") }, nil)
		after(DefaultSchedule.GiveUpAfter + time.Hour)
		outcomes := r.outcomes()
		last := outcomes[len(outcomes)-1]
		if last.State != outbox.Dead || last.Audit == nil || last.Audit.Kind != audit.DeliveryDead || last.Audit.Detail != "connection refused" {
			t.Fatalf("last outcome is %+v", last)
		}
		if span := last.At.Sub(began); span < DefaultSchedule.GiveUpAfter || span > DefaultSchedule.GiveUpAfter+time.Second {
			t.Errorf("given up after %v", span)
		}
		if n := strings.Count(r.log.String(), "delivery given up"); n != 1 {
			t.Errorf("logged the end %d times", n)
		}
	})
}

func TestFailuresByKind(t *testing.T) {
	later := 2 * time.Hour
	for _, test := range []struct {
		name    string
		deliver destinationFunc
		resolve error
		state   outbox.State
		reason  string
		wait    time.Duration
		// sound: the destination is not held to have failed.
		sound bool
	}{
		{
			name: "final",
			deliver: func(context.Context, outbox.Delivery) error {
				return fmt.Errorf("write: %w", Final(errors.New("a folder is in the way")))
			},
			state: outbox.Dead, reason: "write: a folder is in the way",
		},
		{
			name:    "no such destination",
			resolve: errors.New("agent web is not configured"),
			state:   outbox.Dead, reason: "agent web is not configured; mend the configuration, then retry the delivery",
		},
		{
			name: "after",
			deliver: func(context.Context, outbox.Delivery) error {
				return After(errors.New("too many requests"), time.Now().Add(later))
			},
			state: outbox.Pending, reason: "too many requests", wait: later,
		},
		{
			name: "later",
			deliver: func(context.Context, outbox.Delivery) error {
				return fmt.Errorf("write: %w", Later(errors.New("throttled"), time.Now().Add(time.Second)))
			},
			state: outbox.Pending, reason: "write: throttled", wait: time.Second, sound: true,
		},
		{
			name: "later than any pause",
			deliver: func(context.Context, outbox.Delivery) error {
				return Later(errors.New("throttled"), time.Now().Add(1000*time.Hour))
			},
			state: outbox.Pending, reason: "throttled", wait: time.Hour, sound: true,
		},
		{
			name:    "panic",
			deliver: func(context.Context, outbox.Delivery) error { panic("canary-7f3a") },
			state:   outbox.Pending, reason: "internal error", wait: 5 * time.Second,
		},
		{
			name: "longer than the lease allows",
			deliver: func(ctx context.Context, _ outbox.Delivery) error {
				<-ctx.Done()
				return ctx.Err()
			},
			state: outbox.Pending, reason: "no result within 40s: context deadline exceeded", wait: 5 * time.Second,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box := newFakeOutbox()
				box.commit(key, 1)
				r := start(t, box, test.deliver, func(o *Options) {
					if test.resolve != nil {
						o.Resolve = func(string, string) (Destination, error) { return nil, test.resolve }
					}
				})
				after(41 * time.Second)
				outcomes := r.outcomes()
				if len(outcomes) == 0 {
					t.Fatalf("nothing was settled; log:\n%s", r.log)
				}
				got := outcomes[0]
				if got.State != test.state || got.Reason != test.reason {
					t.Errorf("settled as %s for %q, want %s for %q", got.State, got.Reason, test.state, test.reason)
				}
				if wait := got.Next.Sub(got.At); test.state == outbox.Pending && (wait < test.wait*8/10 || wait > test.wait*12/10) {
					t.Errorf("waits %v, want about %v", wait, test.wait)
				}
				if sound := got.Fault == nil; got.State == outbox.Pending && sound != test.sound {
					t.Errorf("the fault is %+v", got.Fault)
				}
				if strings.Contains(r.log.String(), "canary") {
					t.Errorf("log shows what the destination panicked with:\n%s", r.log)
				}
			})
		})
	}
}

// With every worker busy nothing more is claimed, so a version committed
// meanwhile is the one that goes out.
func TestNothingClaimedWaitsInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := newFakeOutbox()
		release := make(chan struct{})
		var inFlight, most atomic.Int32
		sent := make(chan int64, 100)
		r := start(t, box, func(_ context.Context, d outbox.Delivery) error {
			most.Store(max(most.Load(), inFlight.Add(1)))
			defer inFlight.Add(-1)
			<-release
			sent <- d.Version
			return nil
		}, nil)
		keys := make([]outbox.Key, 9)
		for i := range keys {
			keys[i] = outbox.Key{Agent: "web", Destination: "files", Secret: fmt.Sprint("s", i)}
			box.commit(keys[i], 1)
		}
		box.signal()
		synctest.Wait()
		if n := inFlight.Load(); n != 3 {
			t.Fatalf("%d attempts at once, want 3", n)
		}
		for _, k := range keys {
			box.commit(k, 2)
		}
		close(release)
		after(time.Minute)
		versions := map[int64]int{}
		for len(sent) > 0 {
			versions[<-sent]++
		}
		if versions[1] != 3 || versions[2] != 9 || most.Load() != 3 {
			t.Errorf("sent %v with %d at once, want 3 of version 1, 9 of version 2, 3 at once", versions, most.Load())
		}
		if n := len(r.outcomes()); n != 9 {
			t.Errorf("settled %d deliveries, want 9", n)
		}
		if strings.Contains(r.log.String(), "cannot settle") {
			t.Errorf("a fenced settlement was logged as an error:\n%s", r.log)
		}
	})
}

func TestOutboxFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := newFakeOutbox()
		box.claimErr, box.settleErr = outbox.ErrUnavailable, outbox.ErrUnavailable
		box.commit(key, 1)
		began := time.Now()
		r := start(t, box, func(context.Context, outbox.Delivery) error { return nil }, nil)
		after(5 * time.Minute)
		r.wantStates(t, outbox.Delivered)
		// The claim comes one poll later, the second attempt with the lease's end.
		if took := r.outcomes()[0].At.Sub(began); took < pollEvery+time.Minute || took > 2*pollEvery+time.Minute {
			t.Errorf("recovered after %v", took)
		}
		for _, line := range []string{"cannot claim deliveries", "cannot settle delivery"} {
			if strings.Count(r.log.String(), line) != 1 {
				t.Errorf("log does not say %q once:\n%s", line, r.log)
			}
		}
	})
}

func TestStop(t *testing.T) {
	for _, test := range []struct {
		name string
		// takes is how long an attempt takes if it is let.
		takes  time.Duration
		deaf   bool
		states []outbox.State
		took   time.Duration
	}{
		{name: "lets attempts finish", takes: 4 * time.Second, states: []outbox.State{outbox.Delivered}, took: 4 * time.Second},
		{name: "cancels what takes longer", takes: 30 * time.Second, states: []outbox.State{outbox.Pending}, took: 10 * time.Second},
		{name: "leaves what does not listen", takes: 50 * time.Second, deaf: true, took: 10*time.Second + settleFor},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box := newFakeOutbox()
				box.commit(key, 1)
				r := start(t, box, func(ctx context.Context, _ outbox.Delivery) error {
					if test.deaf {
						ctx = context.Background()
					}
					select {
					case <-time.After(test.takes):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}, nil)
				synctest.Wait()
				began := time.Now()
				r.stop()
				if took := time.Since(began); took != test.took {
					t.Errorf("stopped after %v, want %v", took, test.took)
				}
				r.wantStates(t, test.states...)
				for _, outcome := range r.outcomes() {
					if outcome.State == outbox.Pending && !outcome.Next.Equal(outcome.At) {
						t.Errorf("a cancelled attempt waits until %v", outcome.Next)
					}
				}
				after(time.Minute)
			})
		})
	}
}

func TestNewRefuses(t *testing.T) {
	good := Options{
		Outbox:         newFakeOutbox(),
		Resolve:        func(string, string) (Destination, error) { return nil, nil },
		Workers:        1,
		PerDestination: 1,
		BreakAfter:     1,
		Lease:          time.Second,
		Schedule:       DefaultSchedule,
	}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(*Options){
		"outbox":   func(o *Options) { o.Outbox = nil },
		"resolve":  func(o *Options) { o.Resolve = nil },
		"workers":  func(o *Options) { o.Workers = 0 },
		"share":    func(o *Options) { o.PerDestination = 0 },
		"break":    func(o *Options) { o.BreakAfter = 0 },
		"lease":    func(o *Options) { o.Lease = time.Millisecond },
		"drain":    func(o *Options) { o.Drain = -1 },
		"schedule": func(o *Options) { o.Schedule = Schedule{} },
	} {
		opts := good
		damage(&opts)
		if _, err := New(opts); err == nil {
			t.Errorf("options with a bad %s were accepted", name)
		}
	}
}

func TestReason(t *testing.T) {
	for _, test := range []struct{ name, err, want string }{
		{"plain", "disk full", "disk full"},
		{"control characters", "line\r\n{\"forged\":1}\x1b[2J\u202e", `line  {"forged":1} [2J `},
		{"bounded at a rune", strings.Repeat("é", 300) + "end", strings.Repeat("é", 250)},
		{"bounded inside a rune", "x" + strings.Repeat("é", 300), "x" + strings.Repeat("é", 249)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := reason(errors.New(test.err)); got != test.want {
				t.Errorf("reason is %q, want %q", got, test.want)
			}
		})
	}
}
