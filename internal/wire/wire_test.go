package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/internal/wire"
)

// TestJSON holds the types to the JSON that senders rely on.
func TestJSON(t *testing.T) {
	tests := []struct {
		value any
		want  string
	}{
		{
			wire.Answer{Status: wire.Accepted, EventID: "msg_1", Secret: "prod/db", Version: 3, AcceptedAt: time.Unix(1767225600, 0).UTC(), Agents: []wire.AgentOutcome{
				{Agent: "a", Outcome: wire.Queued, Destinations: []string{"files"}},
				{Agent: "b", Outcome: wire.Blocked, Detail: "the certificate expired"},
			}},
			`{"status":"accepted","event_id":"msg_1","secret":"prod/db","version":3,"accepted_at":"2026-01-01T00:00:00Z","agents":[{"agent":"a","outcome":"queued","destinations":["files"]},{"agent":"b","outcome":"blocked","detail":"the certificate expired"}]}`,
		},
		{wire.Answer{Status: wire.Duplicate}, `{"status":"duplicate","event_id":"","secret":"","version":0,"accepted_at":"0001-01-01T00:00:00Z"}`},
		{wire.Answer{Status: wire.Stale, Agents: []wire.AgentOutcome{}}, `{"status":"stale","event_id":"","secret":"","version":0,"accepted_at":"0001-01-01T00:00:00Z"}`},
		{wire.Problem{Type: "/problems/no-route", Title: "no route", Status: 422, Detail: "add one"}, `{"type":"/problems/no-route","title":"no route","status":422,"detail":"add one"}`},
		{wire.Problem{}, `{}`},
	}
	for _, test := range tests {
		got, err := json.Marshal(test.value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, string(got)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}
