package standing_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// rows is an outbox of what it has, by secret; two to a page.
type rows struct {
	mu sync.Mutex
	of []outbox.Delivery
}

func (r *rows) List(_ context.Context, filter outbox.Filter) (page []outbox.Delivery, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.of {
		if (filter.After == nil || d.Secret > filter.After.Secret) && len(page) < 2 && (filter.Agent == "" || filter.Agent == d.Agent) {
			page = append(page, d)
		}
	}
	return page, nil
}

func (r *rows) Get(_ context.Context, key outbox.Key) (outbox.Delivery, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.of {
		if d.Key == key {
			return d, nil
		}
	}
	return outbox.Delivery{}, outbox.ErrNotFound
}

func (r *rows) add(destination, secret string, version, delivered int64) {
	key := outbox.Key{Agent: "web", Destination: destination, Secret: secret}
	r.of = append(r.of, outbox.Delivery{Key: key, Version: version, DeliveredVersion: delivered})
}

// blind is a destination that cannot look.
type blind struct{}

func (blind) Deliver(context.Context, outbox.Delivery) (string, error) { return "", nil }

// looking is one that looks by a function.
type looking struct {
	blind
	look func(context.Context, outbox.Delivery) (deliver.Finding, error)
}

func (l looking) Verify(ctx context.Context, d outbox.Delivery) (deliver.Finding, error) {
	return l.look(ctx, d)
}

func resolving(look func(context.Context, outbox.Delivery) (deliver.Finding, error)) func(agent, destination string) (deliver.Destination, error) {
	return func(_, destination string) (deliver.Destination, error) {
		switch destination {
		case "vault":
			return looking{look: look}, nil
		case "folder":
			return blind{}, nil
		}
		return nil, errors.New("no such destination")
	}
}

func TestVerify(t *testing.T) {
	store := &rows{}
	store.add("vault", "a", 2, 2)
	store.add("vault", "b", 2, 1)
	store.add("vault", "c", 1, 0) // Nothing was delivered yet.
	store.add("folder", "d", 1, 1)
	store.add("vault", "e", 1, 1)
	store.add("gone", "f", 1, 1)
	store.add("vault", "g", 1, 1)
	looked := map[string]int{}
	var mu sync.Mutex
	look := func(_ context.Context, d outbox.Delivery) (deliver.Finding, error) {
		mu.Lock()
		defer mu.Unlock()
		looked[d.Secret]++
		switch d.Secret {
		case "b":
			return deliver.Finding{State: deliver.Older, Detail: "version 0 is there"}, nil
		case "e":
			return deliver.Finding{}, errors.New("cable cut")
		case "g":
			if d.DeliveredVersion == 1 { // The service delivers another version meanwhile.
				store.mu.Lock()
				store.of[len(store.of)-1].DeliveredVersion = 2
				store.mu.Unlock()
				return deliver.Finding{State: deliver.Changed, Detail: "version 2 is there"}, nil
			}
		}
		return deliver.Finding{State: deliver.Intact}, nil
	}
	var got []string
	elsewhere, err := standing.Verify(t.Context(), store, resolving(look), outbox.Filter{Agent: "web"}, func(v standing.Verification) error {
		got = append(got, fmt.Sprintf("%s %d %s%s%s", v.Secret, v.DeliveredVersion, v.Found, v.Detail, v.Problem))
		return nil
	})
	want := []string{"a 2 intact", "b 1 olderversion 0 is there", "e 1 cable cut", "g 2 intact"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || elsewhere != 2 {
		t.Errorf("-want +got:\n%s, %d elsewhere, error %v", diff, elsewhere, err)
	}
	if looked["b"] != 1 || looked["g"] != 2 {
		t.Errorf("looked %v times", looked)
	}
}

// TestVerifyAtOnce: some are looked at together, never too many, and what comes out is
// in the order of the keys; one that does not answer ends by itself.
func TestVerifyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &rows{}
		for i := range 50 {
			store.add("vault", fmt.Sprintf("%02d", i), 1, 1)
		}
		var mu sync.Mutex
		running, most := 0, 0
		look := func(ctx context.Context, d outbox.Delivery) (deliver.Finding, error) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			defer func() { mu.Lock(); running--; mu.Unlock() }()
			if d.Secret == "07" {
				<-ctx.Done()
				return deliver.Finding{}, ctx.Err()
			}
			<-time.After(time.Second)
			return deliver.Finding{State: deliver.Intact}, nil
		}
		next := 0
		_, err := standing.Verify(t.Context(), store, resolving(look), outbox.Filter{}, func(v standing.Verification) error {
			if v.Secret != fmt.Sprintf("%02d", next) || (v.Problem != "") != (v.Secret == "07") {
				t.Errorf("at %d there is %+v", next, v)
			}
			next++
			return nil
		})
		if err != nil || next != 50 || most != 8 {
			t.Errorf("%d were looked at, %d at once, error %v", next, most, err)
		}
	})
}

// TestVerifyEnds: at the end of its context or when nobody wants to hear more, nothing
// of it goes on.
func TestVerifyEnds(t *testing.T) {
	store := &rows{}
	for i := range 50 {
		store.add("vault", fmt.Sprintf("%02d", i), 1, 1)
	}
	full := errors.New("disk full")
	for name, want := range map[string]error{"context": context.Canceled, "visit": full} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				look := func(context.Context, outbox.Delivery) (deliver.Finding, error) {
					return deliver.Finding{State: deliver.Intact}, nil
				}
				heard := 0
				_, err := standing.Verify(ctx, store, resolving(look), outbox.Filter{}, func(standing.Verification) error {
					if heard++; heard < 5 {
						return nil
					}
					if name == "visit" {
						return full
					}
					cancel()
					return nil
				})
				if !errors.Is(err, want) || heard != 5 {
					t.Errorf("after %d error %v, want %v", heard, err, want)
				}
			})
		})
	}
}
