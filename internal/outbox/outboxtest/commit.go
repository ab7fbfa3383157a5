package outboxtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func commitPersists(t *testing.T, s *store) {
	c := change("db", 1, 10, "web", "batch")
	equal(t, "prior before", s.prior(c), outbox.Prior{})
	s.commit(c)
	equal(t, "prior", s.prior(c), outbox.Prior{Answer: c.Answer, Version: 1, OccurredAt: c.OccurredAt, ReceivedAt: at(10), Digest: c.Digest})
	for _, sealed := range c.Sealed {
		equal(t, "delivery", s.get(key(sealed.Agent, "db")), outbox.Delivery{
			Key: key(sealed.Agent, "db"), State: outbox.Pending, Operation: "set", Version: 1,
			Format: sealed.Format, KeyID: sealed.KeyID, Envelope: sealed.Envelope, Statement: sealed.Statement,
			Source: c.Source, EventID: c.EventID, Next: at(10), AcceptedAt: at(10), UpdatedAt: at(10),
		})
	}
	rows := s.rows()
	if len(rows) != 1 {
		t.Fatalf("%d audit rows, want 1", len(rows))
	}
	want, err := audit.Encode(c.Audit)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "audit entry", string(rows[0].Entry), string(want))
}

func commitDelete(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	c := change("db", 2, 1, "web")
	c.Operation, c.Sealed[0].Envelope, c.OccurredAt = "delete", nil, time.Time{}
	s.commit(c)
	d := s.get(key("web", "db"))
	if d.State != outbox.Pending || d.Operation != "delete" || len(d.Envelope) != 0 || d.Statement != c.Sealed[0].Statement {
		t.Fatalf("got %+v, want a pending delete with its statement and no envelope", d)
	}
	equal(t, "prior", s.prior(change("db", 3, 2)), outbox.Prior{Version: 2, ReceivedAt: at(1), Deleted: true, Digest: c.Digest})
}

func duplicate(t *testing.T, s *store) {
	c := change("db", 1, 0, "web")
	s.commit(c)
	again := change("db", 2, 1, "web")
	again.EventID, again.Answer = c.EventID, []byte("another answer")
	wantDuplicate(t, s.Commit(t.Context(), again), c.Answer)
	wantDuplicate(t, s.Commit(t.Context(), c), c.Answer) // and not a conflict
	equal(t, "version", s.get(key("web", "db")).Version, 1)
	equal(t, "audit rows", len(s.rows()), 1)

	again.Source = "another source" // has event IDs of its own
	s.commit(again)
}

func wantDuplicate(t *testing.T, err error, answer []byte) {
	t.Helper()
	var duplicate *outbox.DuplicateError
	if !errors.As(err, &duplicate) {
		t.Fatalf("error %v, want a *DuplicateError", err)
	}
	equal(t, "answer", string(duplicate.Answer), string(answer))
}

func concurrentDuplicates(t *testing.T, s *store) {
	const events, repeats = 20, 16
	handles := []outbox.Outbox{s.Outbox, s.handle()}
	var accepted atomic.Int64
	var senders sync.WaitGroup
	for event := range events {
		for i := range repeats {
			senders.Go(func() {
				c := change(fmt.Sprint("db", event), 1, 0, "web")
				err := handles[i%2].Commit(t.Context(), c)
				var duplicate *outbox.DuplicateError
				switch {
				case err == nil:
					accepted.Add(1)
				case !errors.As(err, &duplicate) || string(duplicate.Answer) != string(c.Answer):
					t.Errorf("error %v, want a duplicate with the answer", err)
				}
			})
		}
	}
	senders.Wait()
	equal(t, "accepted", accepted.Load(), events)
	equal(t, "audit rows", len(s.rows()), events)
}

func conflict(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"), change("db", 2, 1, "web"))
	for _, version := range []int64{-1, 0, 1, 2, 4, 1 << 40} {
		c := change("db", version, 2, "web")
		c.EventID = fmt.Sprint("late ", version)
		if err := s.Commit(t.Context(), c); !errors.Is(err, outbox.ErrConflict) {
			t.Fatalf("version %d after 2: error %v, want ErrConflict", version, err)
		}
		equal(t, "prior", s.prior(c), outbox.Prior{Version: 2, OccurredAt: at(0), ReceivedAt: at(1), Digest: []byte("digest db 2")})
	}
	if err := s.Commit(t.Context(), change("new", 2, 2, "web")); !errors.Is(err, outbox.ErrConflict) {
		t.Fatalf("version 2 of a new secret: error %v, want ErrConflict", err)
	}
	equal(t, "version", s.get(key("web", "db")).Version, 2)
	equal(t, "audit rows", len(s.rows()), 2)
}

// concurrentVersions has senders that read Prior and commit until they are in,
// on two handles.
func concurrentVersions(t *testing.T, s *store) {
	const senders, events = 16, 10
	handles := []outbox.Outbox{s.Outbox, s.handle()}
	var running sync.WaitGroup
	for sender := range senders {
		running.Go(func() {
			for event := range events {
				commitNext(t, handles[sender%2], fmt.Sprintf("%d/%d", sender, event))
			}
		})
	}
	running.Wait()
	equal(t, "version", s.get(key("web", "db")).Version, senders*events)
	equal(t, "audit rows", len(s.rows()), senders*events)
}

func commitNext(t *testing.T, o outbox.Outbox, eventID string) {
	for {
		prior, err := o.Prior(t.Context(), "vault", eventID, "db")
		if err != nil {
			t.Error(err)
			return
		}
		c := change("db", prior.Version+1, 0, "web")
		c.EventID = eventID
		err = o.Commit(t.Context(), c)
		if !errors.Is(err, outbox.ErrConflict) {
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}

// shuffledVersions offers ten thousand versions of some secrets out of order:
// older ones, newer ones and, in between, the next. Only the next gets in, and
// no row ever goes back.
func shuffledVersions(t *testing.T, s *store) {
	const secrets, offers = 50, 200
	var senders sync.WaitGroup
	for i := range secrets {
		senders.Go(func() { offerShuffled(t, s, fmt.Sprint("db", i), offers, rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	senders.Wait()
}

func offerShuffled(t *testing.T, s *store, secret string, offers int, random *rand.Rand) {
	latest := int64(0)
	for i := range offers {
		c := change(secret, latest+3-random.Int64N(8), 0, "web")
		c.EventID = fmt.Sprint(secret, " offer ", i)
		err := s.Commit(t.Context(), c)
		if next := c.Version == latest+1; next != (err == nil) || err != nil && !errors.Is(err, outbox.ErrConflict) {
			t.Errorf("version %d after %d: error %v", c.Version, latest, err)
			return
		}
		if err == nil {
			latest = c.Version
		}
	}
	if d, err := s.Get(t.Context(), key("web", secret)); err != nil || d.Version != latest || latest == 0 {
		t.Errorf("row has version %d, %v; the latest is %d", d.Version, err, latest)
	}
}

// cancelledCommit checks that the class of the error tells the truth, at
// whatever moment the context ends.
func cancelledCommit(t *testing.T, s *store) {
	const events = 300
	outcomes := make([]error, events)
	var senders sync.WaitGroup
	for i := range events {
		senders.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			senders.Go(cancel)
			outcomes[i] = s.Commit(ctx, change(fmt.Sprint("db", i), 1, 0, "web"))
		})
	}
	senders.Wait()
	if err := s.Probe(t.Context()); err != nil { // comes after whatever was not waited for
		t.Fatal(err)
	}
	for i, err := range outcomes {
		there := s.prior(change(fmt.Sprint("db", i), 1, 0)).Version == 1
		switch {
		case err == nil && !there:
			t.Errorf("event %d was acknowledged and is not there", i)
		case errors.Is(err, outbox.ErrUnavailable) && there:
			t.Errorf("event %d is there, after: %v", i, err)
		case err != nil && !errors.Is(err, outbox.ErrUnavailable) && !errors.Is(err, outbox.ErrAmbiguous):
			t.Errorf("event %d: error %v of no class", i, err)
		case err != nil && !errors.Is(err, context.Canceled):
			t.Errorf("event %d: error %v does not wrap the context's", i, err)
		}
	}
}

// badChangeFailsAlone commits good changes together with some that have two
// copies for one delivery.
func badChangeFailsAlone(t *testing.T, s *store) {
	const events = 100
	outcomes := make([]error, events)
	var senders sync.WaitGroup
	for i := range events {
		senders.Go(func() {
			c := change(fmt.Sprint("db", i), 1, 0, "web")
			if i%10 == 0 {
				c.Sealed = append(c.Sealed, c.Sealed[0])
			}
			outcomes[i] = s.Commit(t.Context(), c)
		})
	}
	senders.Wait()
	for i, err := range outcomes {
		prior := s.prior(change(fmt.Sprint("db", i), 1, 0))
		if bad := i%10 == 0; bad != (err != nil) || bad != (prior.Version == 0) || bad != (prior.Answer == nil) {
			t.Errorf("event %d: error %v, prior %+v", i, err, prior)
		}
	}
	equal(t, "audit rows", len(s.rows()), events-events/10)
}
