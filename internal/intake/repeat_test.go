package intake_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// These are about senders that give their events no ID.

func TestRepeatOfABody(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		w.must(t, hook{body: value("a")}, wire.Accepted, 1)
		w.must(t, hook{body: value("a"), received: began.Add(9 * time.Minute)}, wire.Duplicate, 1)
		w.must(t, hook{body: value("b")}, wire.Accepted, 2)
		w.must(t, hook{body: value("a")}, wire.Accepted, 3) // back again is a change
		w.must(t, hook{body: value("a")}, wire.Duplicate, 3)
	})
}

func TestRepeatAfterTheWindow(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		w.must(t, hook{body: value("a")}, wire.Accepted, 1)
		w.must(t, hook{body: value("a"), received: began.Add(10 * time.Minute)}, wire.Accepted, 2)
		w.must(t, hook{body: value("a"), received: began.Add(19 * time.Minute)}, wire.Duplicate, 2)
	})
}

// TestRepeatMends: pushing again is how a blocked agent is mended.
func TestRepeatMends(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		body := `{"secret":"prod/mixed","value":"tiger"}`
		w.must(t, hook{body: body}, wire.Accepted, 1)
		w.must(t, hook{body: body}, wire.Accepted, 2)
	})
}

func TestRepeatIsOfOneSource(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	w.must(t, hook{body: value("a")}, wire.Accepted, 1)
	other := newWorld(t, store, func(s *intake.Source) { s.Name = "other" })
	other.must(t, hook{body: value("a")}, wire.Accepted, 2)
}

// TestRepeatDigestIsKeyed: a plain hash would let whoever reads the database
// guess the password.
func TestRepeatDigestIsKeyed(t *testing.T) {
	digest := func() string {
		store := newMemory()
		newWorld(t, store).must(t, hook{body: value("a")}, wire.Accepted, 1)
		id := store.last(t).EventID
		if len(id) != len("body:")+64+len(":1") || !strings.HasPrefix(id, "body:") || !strings.HasSuffix(id, ":1") {
			t.Errorf("event ID %q", id)
		}
		return id
	}
	if first, second := digest(), digest(); first == second {
		t.Error("two installations have the same digest of a body")
	}
}
