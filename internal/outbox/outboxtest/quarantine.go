package outboxtest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// quarantineChange is a call of Quarantine or Release, n seconds after start.
func (s *store) quarantineChange(call func(string, audit.Entry) (bool, error), kind audit.Kind, n int, want bool) {
	s.t.Helper()
	changed, err := call("web", audit.Entry{At: at(n), Kind: kind, Actor: "operator/x", Agents: []string{"web"}})
	if err != nil || changed != want {
		s.t.Fatalf("%s: %v, %v; want %v", kind, changed, err, want)
	}
}

func (s *store) quarantine(n int, want bool) {
	s.t.Helper()
	call := func(agent string, entry audit.Entry) (bool, error) { return s.Quarantine(s.t.Context(), agent, entry) }
	s.quarantineChange(call, audit.AgentQuarantined, n, want)
}

func (s *store) release(n int, want bool) {
	s.t.Helper()
	call := func(agent string, entry audit.Entry) (bool, error) { return s.Release(s.t.Context(), agent, entry) }
	s.quarantineChange(call, audit.AgentReleased, n, want)
}

func quarantine(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web", "batch"))
	s.quarantine(1, true)
	s.quarantine(2, false)
	holds, err := s.Holds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "holds", holds, []outbox.Hold{{Destination: outbox.Destination{Agent: "web"}, Quarantined: at(1), By: "operator/x"}})
	equal(t, "claimed", s.claimOne(3).Agent, "batch")
	if due, ok, err := s.NextDue(t.Context(), nil); err != nil || !ok || !due.Equal(at(63)) {
		t.Fatalf("next due %v, %v, %v; want the end of the other agent's lease", due, ok, err)
	}
	s.commit(change("other", 1, 4, "web"))
	s.claimNone(5)
	s.release(6, true)
	s.release(7, false)
	equal(t, "claimed after the release", len(s.claim(8, 10, time.Minute)), 2)
	var kinds []audit.Kind
	for _, row := range s.rows() {
		var entry audit.Entry
		if err := json.Unmarshal(row.Entry, &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Kind != audit.EventAccepted {
			kinds = append(kinds, entry.Kind)
		}
	}
	equal(t, "audit", kinds, []audit.Kind{audit.AgentQuarantined, audit.AgentReleased})
}

func quarantineRecalls(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web", "batch"))
	for _, d := range s.claim(0, 10, time.Minute) {
		s.settle(outcome(d, outbox.Waiting, 1))
	}
	s.quarantine(2, true)
	equal(t, "state", s.get(key("web", "db")).State, outbox.Pending)
	equal(t, "state of another agent's", s.get(key("batch", "db")).State, outbox.Waiting)
	s.claimNone(3)
	s.release(4, true)
	equal(t, "claimed after the release", s.claimOne(5).Agent, "web")
}

func quarantineClaimed(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	claimed := s.claimOne(0)
	s.quarantine(1, true)
	s.settle(outcome(claimed, outbox.Waiting, 2))
	equal(t, "state", s.get(key("web", "db")).State, outbox.Pending)
	s.claimNone(3)
	s.release(4, true)
	s.settle(outcome(s.claimOne(5), outbox.Waiting, 6))
	equal(t, "state after the release", s.get(key("web", "db")).State, outbox.Waiting)
}

func releaseClock(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	s.quarantine(1, true)
	s.release(100, true)
	equal(t, "resumed", s.claimOne(101).Resumed, at(100))
}

func copies(t *testing.T, s *store) {
	s.commit(change("a", 1, 0, "web", "batch"))
	s.settle(outcome(s.claim(0, 10, time.Minute)[0], outbox.Delivered, 1))
	there := s.get(key("batch", "a"))
	if there.State != outbox.Delivered {
		there = s.get(key("web", "a"))
	}
	s.commit(block(change("a", 2, 2, there.Agent), "expired"), block(change("b", 1, 3, "web"), "expired"), change("c", 1, 4))
	deletion := change("c", 2, 5)
	deletion.Operation = "delete"
	s.commit(deletion)
	got, err := s.Copies(t.Context(), outbox.SecretFilter{})
	if err != nil {
		t.Fatal(err)
	}
	at2 := func(agent string) outbox.Destination { return outbox.Destination{Agent: agent, Destination: "files"} }
	blocked := outbox.Copy{At: at2(there.Agent), State: outbox.Blocked, Version: 2, DeliveredVersion: 1, Format: "age", KeyID: "key-" + there.Agent, Reason: "expired", Source: "vault", Opens: true}
	other := map[string]string{"web": "batch", "batch": "web"}[there.Agent]
	behind := outbox.Copy{At: at2(other), State: outbox.Pending, Version: 1, Format: "age", KeyID: "key-" + other, Source: "vault", Opens: true}
	of := []outbox.Copy{blocked, behind}
	if other < there.Agent {
		of = []outbox.Copy{behind, blocked}
	}
	want := []outbox.Copies{
		{Secret: "a", Version: 2, ReceivedAt: at(2), Copies: of},
		{Secret: "b", Version: 1, ReceivedAt: at(3), Copies: []outbox.Copy{{At: at2("web"), State: outbox.Blocked, Version: 1, Format: "age", KeyID: "key-web", Reason: "expired", Source: "vault"}}},
		{Secret: "c", Version: 2, Deleted: true, ReceivedAt: at(5)},
	}
	equal(t, "copies", got, want)
	for _, tc := range []struct {
		filter outbox.SecretFilter
		want   []outbox.Copies
	}{
		{outbox.SecretFilter{Name: "b"}, want[1:2]},
		{outbox.SecretFilter{After: "a"}, want[1:]},
		{outbox.SecretFilter{Limit: 1}, want[:1]},
		{outbox.SecretFilter{After: "c"}, nil},
	} {
		got, err := s.Copies(t.Context(), tc.filter)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "copies of some", got, tc.want)
	}
}
