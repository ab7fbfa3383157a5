package app

import (
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// TestOverdueAlerts: a value that does not come is told of once, in the log and
// in the metrics, which show it until it comes.
func TestOverdueAlerts(t *testing.T) {
	r := run(t, base)
	now := time.Now()
	err := r.store.Await(t.Context(), outbox.News{
		Source: "vault", EventID: "n1", Secret: "prod/db", ChangedAt: now, ReceivedAt: now, Due: now.Add(time.Hour),
		Audit: audit.Entry{At: now, Kind: audit.EventAwaited, Actor: "source/vault", EventID: "n1", Secret: "prod/db"},
	})
	if err != nil {
		t.Fatal(err)
	}
	metrics := func(want ...string) {
		t.Helper()
		_, page := r.get(t, "/metrics")
		for _, line := range want {
			if !strings.Contains(page, line+"\n") {
				t.Errorf("no %s in\n%s", line, page)
			}
		}
	}
	const message = "its value did not come"
	metrics(`sealrelay_values_awaited{state="waiting"} 1`, `sealrelay_values_awaited{state="overdue"} 0`)
	for _, tc := range []struct {
		after time.Duration
		told  int
	}{{59 * time.Minute, 0}, {time.Hour, 1}, {2 * time.Hour, 1}} {
		if err := r.alertOverdue(t.Context(), now.Add(tc.after)); err != nil {
			t.Fatal(err)
		}
		if told := strings.Count(r.log.String(), message); told != tc.told {
			t.Errorf("after %s it is told %d times, want %d", tc.after, told, tc.told)
		}
	}
	metrics(`sealrelay_values_overdue_total{source="vault"} 1`)
	if status, _ := r.post(t, "prod/db", "tiger"); status != 202 {
		t.Fatalf("the value: %d", status)
	}
	metrics(`sealrelay_values_awaited{state="waiting"} 0`, `sealrelay_values_awaited{state="overdue"} 0`)
}
