package intake_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// These are about senders that give their events no ID.

// TestUnchanged: the latest value once more makes no version, however late.
func TestUnchanged(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		w.must(t, hook{body: value("a")}, wire.Accepted, 1)
		w.must(t, hook{body: value("a"), received: began.Add(30 * 24 * time.Hour)}, wire.Unchanged, 1)
		w.must(t, hook{body: valueAt("a", began.Add(-time.Hour))}, wire.Unchanged, 1)
		w.must(t, hook{body: value("b")}, wire.Accepted, 2)
		w.must(t, hook{body: value("a")}, wire.Accepted, 3) // back again is a change
		w.must(t, hook{body: value("a")}, wire.Unchanged, 3)
		w.must(t, hook{id: "1", body: value("c")}, wire.Accepted, 4)
		w.must(t, hook{body: value("c")}, wire.Unchanged, 4)
		w.must(t, hook{id: "2", body: value("c")}, wire.Accepted, 5) // an ID of its own is an event of its own
	})
}

func TestUnchangedDeletion(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		const gone = `{"secret":"prod/db","operation":"delete"}`
		w.must(t, hook{body: value("a")}, wire.Accepted, 1)
		w.must(t, hook{body: gone}, wire.Accepted, 2)
		w.must(t, hook{body: gone}, wire.Unchanged, 2)
		w.must(t, hook{body: value("a")}, wire.Accepted, 3)
	})
}

// TestUnchangedCountsForItsReceivers: what would reach somebody new, or
// somebody by another key, is a version of its own.
func TestUnchangedCountsForItsReceivers(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		first, second := newWorld(t, store), newWorld(t, store) // with keys of their own
		const mixed = `{"secret":"prod/mixed","value":"tiger"}`
		first.must(t, hook{body: mixed}, wire.Accepted, 1)
		first.must(t, hook{body: mixed}, wire.Unchanged, 1) // the bad key is as bad as before
		// The other one has other digests, being another installation.
		second.must(t, hook{body: mixed}, wire.Accepted, 2)
		second.must(t, hook{body: mixed}, wire.Unchanged, 2)
		mended := second.keys["old"].Key
		*mended = *newKey(t, "age", time.Time{}).Key
		second.must(t, hook{body: mixed}, wire.Accepted, 3)
		second.must(t, hook{body: mixed}, wire.Unchanged, 3)
	})
}

// TestValueDigestIsKeyed: a plain hash would let whoever reads the database
// guess the password.
func TestValueDigestIsKeyed(t *testing.T) {
	digest := func(secret string) []byte {
		store := newMemory()
		newWorld(t, store).must(t, hook{id: "1", body: `{"secret":"` + secret + `","operation":"delete"}`}, wire.Accepted, 1)
		return store.last(t).Digest
	}
	first, second := digest("prod/db"), digest("prod/db")
	if len(first) != 32 || bytes.Equal(first, second) {
		t.Errorf("two installations have the digests %x and %x of the same change", first, second)
	}
}

// TestSignature: where the time is signed, the same signature is the same
// message, and another one another.
func TestSignature(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		first := w.must(t, hook{signature: "s1", body: value("a")}, wire.Accepted, 1)
		if !regexp.MustCompile(`^signed:[0-9a-f]{64}$`).MatchString(first.EventID) {
			t.Errorf("event ID %q", first.EventID)
		}
		w.must(t, hook{signature: "s2", body: value("b")}, wire.Accepted, 2)
		w.must(t, hook{signature: "s1", body: value("a")}, wire.Duplicate, 1) // replayed, and not brought back
		w.must(t, hook{signature: "s3", body: value("b")}, wire.Unchanged, 2)
		w.must(t, hook{signature: "s4", body: value("a")}, wire.Accepted, 3)
	})
}

// TestSignedBody: where no time is signed, the same body is the same event, and
// must not bring an old value back.
func TestSignedBody(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		signed := func(v string, after time.Duration) hook {
			return hook{signed: true, body: value(v), received: began.Add(after)}
		}
		first := w.must(t, signed("a", 0), wire.Accepted, 1)
		if !regexp.MustCompile(`^body:[0-9a-f]{64}:1$`).MatchString(first.EventID) {
			t.Errorf("event ID %q", first.EventID)
		}
		w.must(t, signed("a", 9*time.Minute), wire.Duplicate, 1)
		w.must(t, signed("a", time.Hour), wire.Unchanged, 1)
		w.must(t, signed("b", 2*time.Minute), wire.Accepted, 2)
		if _, err := w.send(t.Context(), signed("a", 10*time.Minute)); !errors.Is(err, intake.ErrReplayed) {
			t.Errorf("an old value came back: %v", err)
		}
		w.must(t, signed("a", 10*time.Minute+time.Second), wire.Accepted, 3) // the window is over
		if strings.Contains(w.log.String(), "tiger") {
			t.Error("the value is in the log")
		}
	})
}

// TestSignedBodyMends: pushing again is how a blocked agent is mended, within
// the window too.
func TestSignedBodyMends(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		push := hook{signed: true, body: `{"secret":"prod/mixed","value":"tiger"}`}
		w.must(t, push, wire.Accepted, 1)
		w.must(t, push, wire.Unchanged, 1)
		*w.keys["old"].Key = *newKey(t, "age", time.Time{}).Key
		w.must(t, push, wire.Accepted, 2)
	})
}

func TestSignedBodyIsOfOneSource(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	w.must(t, hook{signed: true, body: value("a")}, wire.Accepted, 1)
	other := newWorld(t, store, func(s *intake.Source) { s.Name = "other" })
	other.must(t, hook{signed: true, body: value("a")}, wire.Accepted, 2)
}

// TestNoIDForArrivals: IDs that the service makes cannot be guessed and sent.
func TestNoIDForArrivals(t *testing.T) {
	w := newWorld(t, newMemory())
	first := w.must(t, hook{body: value("a")}, wire.Accepted, 1)
	second := w.must(t, hook{body: value("b")}, wire.Accepted, 2)
	if !strings.HasPrefix(first.EventID, "arrival:") || first.EventID == second.EventID {
		t.Errorf("event IDs %q and %q", first.EventID, second.EventID)
	}
	for _, id := range []string{first.EventID, "signed:x", "body:x"} {
		if _, err := w.send(t.Context(), hook{id: id, body: value("c")}); err == nil || !strings.Contains(err.Error(), "reserved") {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// TestUnchangedWipes: the value goes, whatever the answer is.
func TestUnchangedWipes(t *testing.T) {
	adapter := &keeping{}
	w := newWorld(t, newMemory(), func(s *intake.Source) { adapter.Adapter, s.Adapter = s.Adapter, adapter })
	w.must(t, hook{body: value("a")}, wire.Accepted, 1)
	w.must(t, hook{body: value("a")}, wire.Unchanged, 1)
	if err := adapter.read.Events[0].Value.Expose(func([]byte) error { return nil }); !errors.Is(err, secretbytes.ErrWiped) {
		t.Errorf("the value is still there: %v", err)
	}
}
