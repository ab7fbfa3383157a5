package storechange_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/storechange"
)

// desk is a Desk over a store that answers as it is told, with what was done.
type desk struct {
	storechange.Desk
	// outcome and err are the store's answer; probe and record what the audit log fails
	// with.
	outcome            stores.Outcome
	err, probe, record error
	// ctx is that of the last call of the store.
	ctx context.Context
	// done are the calls of the store and the stores read anew, in order.
	done []string
	rows []audit.Entry
	log  bytes.Buffer
}

func newDesk() *desk {
	d := &desk{}
	d.Desk = storechange.Desk{
		Store: func(name string) (stores.Store, bool) {
			store, ok := map[string]stores.Store{"vault": able{plain{}, d}, "plain": plain{}}[name]
			return store, ok
		},
		Audit: d, Log: zerolog.New(&d.log),
		Reread: func(ctx context.Context, store string) {
			if _, bounded := ctx.Deadline(); bounded && ctx.Err() == nil {
				d.done = append(d.done, "reread "+store)
			}
		},
	}
	return d
}

// Probe and Record implement storechange.Log.
func (d *desk) Probe(context.Context) error { return d.probe }

func (d *desk) Record(ctx context.Context, entry audit.Entry) error {
	if d.record != nil {
		return d.record
	}
	d.rows = append(d.rows, entry)
	return ctx.Err()
}

// plain is a store that is only looked at.
type plain struct{}

func (plain) Inventory(context.Context) iter.Seq2[stores.Entry, error] {
	return func(func(stores.Entry, error) bool) {}
}

func (plain) Lookup(context.Context, string) (stores.Entry, error) {
	return stores.Entry{}, stores.ErrNotFound
}

// able is a store that can do everything.
type able struct {
	plain
	*desk
}

func (a able) call(ctx context.Context, text string, dryRun bool) (stores.Outcome, error) {
	if dryRun {
		text += " dry"
	}
	a.ctx, a.done = ctx, append(a.done, text)
	return a.outcome, a.err
}

func (a able) Add(ctx context.Context, addition stores.Addition) (stores.Outcome, error) {
	return a.call(ctx, "add "+addition.Alias, addition.DryRun)
}

func (a able) Remove(ctx context.Context, removal stores.Removal) (stores.Outcome, error) {
	return a.call(ctx, "remove "+removal.Alias, removal.DryRun)
}

func (a able) Create(ctx context.Context, dryRun bool) (stores.Outcome, error) {
	return a.call(ctx, "create", dryRun)
}

func (a able) Request(ctx context.Context, enrolment stores.Enrolment) ([]byte, stores.Outcome, error) {
	outcome, err := a.call(ctx, "request "+enrolment.Alias+" "+enrolment.Kind, enrolment.DryRun)
	return []byte("CSR"), outcome, err
}

func (a able) Finish(ctx context.Context, alias string, certificates []byte, dryRun bool) (stores.Outcome, error) {
	return a.call(ctx, "finish "+alias+" "+string(certificates), dryRun)
}

// changes are all there are, by the kind of their audit rows.
var changes = map[audit.Kind]func(context.Context, *desk, storechange.Place) (stores.Outcome, error){
	audit.StoreAdded: func(ctx context.Context, d *desk, at storechange.Place) (stores.Outcome, error) {
		return d.Add(ctx, at, stores.Addition{})
	},
	audit.StoreRemoved: func(ctx context.Context, d *desk, at storechange.Place) (stores.Outcome, error) {
		return d.Remove(ctx, at, true)
	},
	audit.StoreCreated: func(ctx context.Context, d *desk, at storechange.Place) (stores.Outcome, error) {
		return d.Create(ctx, at)
	},
	audit.StoreRequested: func(ctx context.Context, d *desk, at storechange.Place) (stores.Outcome, error) {
		csr, outcome, err := d.Request(ctx, at, storechange.Wanted{Subject: "CN=web", Kind: "ec-p256"})
		if err == nil && string(csr) != "CSR" {
			err = errors.New("the request is lost")
		}
		return outcome, err
	},
	audit.StoreFinished: func(ctx context.Context, d *desk, at storechange.Place) (stores.Outcome, error) {
		return d.Finish(ctx, at, []byte("PEM"))
	},
}

var (
	place  = storechange.Place{Actor: "token/on-call", Store: "vault", Alias: "web"}
	called = map[audit.Kind]string{
		audit.StoreAdded: "add web", audit.StoreRemoved: "remove web", audit.StoreCreated: "create",
		audit.StoreRequested: "request web ec-p256", audit.StoreFinished: "finish web PEM",
	}
)

func TestChange(t *testing.T) {
	broken := errors.New("disk full")
	for name, test := range map[string]struct {
		outcome            stores.Outcome
		err, probe, record error
		dryRun             bool
		// want are the errors, detail the audit row's, reread whether the keys are.
		want   []error
		detail string
		called bool
		reread bool
	}{
		"made":                      {outcome: stores.Outcome{Did: stores.DidAdd}, detail: "added", called: true, reread: true},
		"made, with a version":      {outcome: stores.Outcome{Did: stores.DidReplace, Version: "v2"}, detail: "replaced, version v2", called: true, reread: true},
		"nothing to do":             {outcome: stores.Outcome{Did: stores.DidNothing}, called: true},
		"tried only":                {outcome: stores.Outcome{Did: stores.DidAdd}, dryRun: true, called: true},
		"tried only, without a log": {outcome: stores.Outcome{Did: stores.DidAdd}, dryRun: true, probe: broken, called: true},
		"tried only, broke off":     {err: broken, dryRun: true, want: []error{broken}, called: true},
		"exists":                    {err: stores.ErrExists, want: []error{stores.ErrExists}, called: true},
		"not found":                 {err: stores.ErrNotFound, want: []error{stores.ErrNotFound}, called: true},
		"deleted":                   {err: stores.ErrDeleted, want: []error{stores.ErrDeleted}, called: true},
		"denied":                    {err: stores.ErrDenied, want: []error{stores.ErrDenied}, called: true},
		"invalid":                   {err: stores.ErrInvalid, want: []error{stores.ErrInvalid}, called: true},
		"broke off":                 {err: broken, want: []error{broken, storechange.ErrUncertain}, detail: storechange.ErrUncertain.Error(), called: true, reread: true},
		"unreadable answer":         {err: stores.ErrUnreadable, want: []error{stores.ErrUnreadable, storechange.ErrUncertain}, detail: storechange.ErrUncertain.Error(), called: true, reread: true},
		"in part": {
			err: fmt.Errorf("%w: not purged: %w", stores.ErrPartly, stores.ErrDenied), want: []error{stores.ErrPartly, stores.ErrDenied}, detail: "done in part only", called: true, reread: true,
		},
		"no log":                      {probe: broken, want: []error{broken, storechange.ErrNotBegun}},
		"made, and the log is broken": {outcome: stores.Outcome{Did: stores.DidAdd}, record: broken, want: []error{broken, storechange.ErrNotRecorded}, called: true, reread: true},
		"broke off, and so did the log": {
			err: errors.New("timeout"), record: broken, want: []error{broken, storechange.ErrNotRecorded, storechange.ErrUncertain}, called: true, reread: true,
		},
	} {
		for kind, change := range changes {
			t.Run(name+"/"+string(kind), func(t *testing.T) {
				d := newDesk()
				d.outcome, d.err, d.probe, d.record = test.outcome, test.err, test.probe, test.record
				at := place
				at.DryRun = test.dryRun
				outcome, err := change(t.Context(), d, at)
				if (err != nil) != (test.want != nil) {
					t.Fatalf("error %v, want %v", err, test.want)
				}
				for _, want := range test.want {
					if !errors.Is(err, want) {
						t.Errorf("error %v is not %v", err, want)
					}
				}
				if test.called && outcome.Did != test.outcome.Did {
					t.Errorf("outcome %+v, want %+v", outcome, test.outcome)
				}
				var done []string
				if test.called {
					done = append(done, called[kind])
				}
				if test.dryRun {
					done[0] += " dry"
				}
				if test.reread {
					done = append(done, "reread vault")
				}
				if !slices.Equal(d.done, done) {
					t.Errorf("done was %q, want %q", d.done, done)
				}
				var rows []audit.Entry
				if test.detail != "" {
					rows = append(rows, audit.Entry{Kind: kind, Actor: "token/on-call", Store: "vault", Alias: "web", Detail: test.detail})
				}
				if diff := cmp.Diff(d.rows, rows, cmpopts.IgnoreFields(audit.Entry{}, "At")); diff != "" {
					t.Errorf("audit rows (-got +want):\n%s", diff)
				}
				if logged := strings.Contains(d.log.String(), `"alias":"web"`); logged != test.reread {
					t.Errorf("the log is %q", d.log.String())
				}
			})
		}
	}
}

// TestGone: what was begun is brought to its end if whoever asked goes away, and is
// bounded all the same.
func TestGone(t *testing.T) {
	for kind, change := range changes {
		d := newDesk()
		d.outcome.Did = stores.DidAdd
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := change(gone, d, place); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if _, bounded := d.ctx.Deadline(); !bounded || len(d.rows) != 1 || !slices.Contains(d.done, "reread vault") {
			t.Errorf("%s: bounded %v, rows %v, done %q", kind, bounded, d.rows, d.done)
		}
	}
}

func TestRefused(t *testing.T) {
	for kind, change := range changes {
		d := newDesk()
		if _, err := change(t.Context(), d, storechange.Place{Store: "none", Alias: "web"}); !errors.Is(err, storechange.ErrUnknownStore) {
			t.Errorf("%s in an unknown store: %v", kind, err)
		}
		if _, err := change(t.Context(), d, storechange.Place{Store: "plain", Alias: "web"}); !errors.Is(err, storechange.ErrCannot) {
			t.Errorf("%s in a store that cannot: %v", kind, err)
		}
		if len(d.rows) != 0 || len(d.done) != 0 {
			t.Errorf("%s: rows %v, done %q", kind, d.rows, d.done)
		}
	}
	d := newDesk()
	if _, _, err := d.Request(t.Context(), place, storechange.Wanted{Subject: "web", Kind: "ec-p256"}); !errors.Is(err, stores.ErrInvalid) || len(d.done) != 0 {
		t.Errorf("a subject that is none: %v, %q", err, d.done)
	}
}
