package push_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/spool"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// spooled is a relay that was away while three secrets changed.
func spooled(t *testing.T) (*relay, *push.Sealer) {
	t.Helper()
	r, s := newRelay(t)
	r.answers = []func() (*http.Response, error){cutOff}
	for i, name := range []string{"third", "first", "second"} {
		event := tiger(time.Duration([]int{2, 0, 1}[i]) * time.Minute)
		event.ID, event.Secret = name, "prod/"+name
		mustSpool(t, s, event)
	}
	r.came, r.answers = nil, nil
	return r, s
}

func flush(t *testing.T, s *push.Sealer) push.Flushed {
	t.Helper()
	flushed, err := s.Flush(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return flushed
}

func (r *relay) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, event := range r.came {
		out = append(out, event.EventID)
	}
	return out
}

// TestFlush sends the oldest first, as the events that they were.
func TestFlush(t *testing.T) {
	r, s := spooled(t)
	flushed := flush(t, s)
	if len(flushed.Sent) != 3 || flushed.Away != nil || flushed.Lost != nil || flushed.Damaged != nil || flushed.Refused != nil {
		t.Errorf("flushed %+v", flushed)
	}
	if got := r.ids(); !slices.Equal(got, []string{"first", "second", "third"}) {
		t.Errorf("came %q", got)
	}
	for i, event := range r.came {
		if event.value != "tiger" || !event.OccurredAt.Equal(tiger(time.Duration(i)*time.Minute).OccurredAt) {
			t.Errorf("event %s of %s opens to %q", event.EventID, event.OccurredAt, event.value)
		}
	}
	if waiting := waits(t, s); waiting != nil {
		t.Errorf("in the spool is %q", waiting)
	}
	if again := flush(t, s); again.Sent != nil {
		t.Errorf("sent again: %+v", again.Sent)
	}
}

// TestFlushAway stops at the first for which the service is away.
func TestFlushAway(t *testing.T) {
	r, s := spooled(t)
	r.answers = []func() (*http.Response, error){accept, status(503, "")}
	flushed := flush(t, s)
	if len(flushed.Sent) != 1 || flushed.Away == nil || flushed.Waiting != 2 || len(r.came) != 2 {
		t.Errorf("%d events came, flushed %+v", len(r.came), flushed)
	}
	if waiting := waits(t, s); !slices.Equal(waiting, []string{"second", "third"}) {
		t.Errorf("in the spool is %q", waiting)
	}
}

// TestFlushRefused goes on behind an event that is refused, which waits on.
func TestFlushRefused(t *testing.T) {
	r, s := spooled(t)
	r.answers = []func() (*http.Response, error){status(403, ""), accept}
	flushed := flush(t, s)
	if len(flushed.Sent) != 2 || len(flushed.Refused) != 1 || flushed.Refused[0].Event.Sealed.EventID != "first" || flushed.Refused[0].Err == nil {
		t.Errorf("flushed %+v", flushed)
	}
	if waiting := waits(t, s); !slices.Equal(waiting, []string{"first"}) {
		t.Errorf("in the spool is %q", waiting)
	}
}

// TestFlushLost: what cannot be sent any more is kept aside and told each time,
// until the secret is pushed again.
func TestFlushLost(t *testing.T) {
	malformed := func() (*http.Response, error) {
		return respond(400, wire.ProblemType, "", `{"type":"https://example.org/problems.md#malformed","title":"cannot be read","status":400,"detail":"x"}`), nil
	}
	r, s := spooled(t)
	r.answers = []func() (*http.Response, error){changed, malformed, accept}
	for range 2 {
		flushed := flush(t, s)
		if len(flushed.Lost) != 2 || !strings.Contains(flushed.Lost[0].Reason, "recipients changed") || waits(t, s) != nil {
			t.Fatalf("flushed %+v", flushed)
		}
	}
	r.answers = nil
	again := tiger(time.Hour)
	again.Secret = "prod/first"
	mustPush(t, s, again)
	if kept := lost(t, s); !slices.Equal(kept, []string{"second"}) {
		t.Errorf("lost is %q", kept)
	}
}

// TestFlushDamaged names what it cannot read, and sends the rest.
func TestFlushDamaged(t *testing.T) {
	_, s := spooled(t)
	name := filepath.Join(s.Spool.Dir(), "waiting", "x.json")
	if err := os.WriteFile(name, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	flushed := flush(t, s)
	if len(flushed.Sent) != 3 || !errors.Is(flushed.Damaged, spool.ErrDamaged) || !strings.Contains(flushed.Damaged.Error(), name) || strings.Contains(flushed.Damaged.Error(), "hunter2") {
		t.Errorf("flushed %+v", flushed)
	}
}

// TestFlushOfAnother: what waits for another endpoint is left to its credentials.
func TestFlushOfAnother(t *testing.T) {
	r, s := spooled(t)
	s.Client.URL = "https://relay.example/v1/hooks/b"
	if flushed := flush(t, s); flushed.Sent != nil || len(r.came) > 0 {
		t.Errorf("flushed %+v", flushed)
	}
	s.Client.URL = "http://relay.example/v1/hooks/a"
	if _, err := s.Flush(t.Context()); err == nil {
		t.Error("sent in the clear")
	}
}

// TestFlushAfterDelete: a deletion takes the place of what waits, like any event.
func TestFlushAfterDelete(t *testing.T) {
	r, s := spooled(t)
	r.answers = []func() (*http.Response, error){cutOff}
	mustSpool(t, s, hooks.Event{ID: "gone", Secret: "prod/first", Operation: hooks.Delete, OccurredAt: tiger(time.Hour).OccurredAt})
	r.came, r.answers = nil, nil
	flush(t, s)
	if got := r.ids(); !slices.Equal(got, []string{"second", "third", "gone"}) {
		t.Errorf("came %q", got)
	}
}
