package adapters_test

import (
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks/adapters"
)

func TestKeeperAlertReads(t *testing.T) {
	body := func(at string) string {
		return rendered(adapters.KeeperAlertTemplate, "#alert_name", "Record changed", "#record_uid", "Ab-_1", "#timestamp", at)
	}
	at := []view{{Secret: "Ab-_1", Operation: "changed", OccurredAt: "2026-01-01T00:00:00Z"}}
	testNotices(t, "keeper-alert", []noticeTest{
		{"seconds", "{}", body("1767225600"), at},
		{"milliseconds", "{}", body("1767225600000"), at},
		{"RFC 3339", "{}", body("2026-01-01T00:00:00Z"), at},
		{"another time", "{}", body("Jan 1, 2026"), changes("Ab-_1")},
		{"with more members", "{}", `{"source":"keeper","type":"x","key":"a","actor":"a@example.com","ts":1767225600,"ip":"192.0.2.1"}`, []view{{Secret: "a", Operation: "changed", OccurredAt: "2026-01-01T00:00:00Z"}}},
		{"chosen alert", "{alerts: [Record changed]}", body("0"), []view{{Secret: "Ab-_1", Operation: "changed", OccurredAt: "1970-01-01T00:00:00Z"}}},
		{"another alert", "{alerts: [Password changed]}", body("0"), nil},
		{"no record", "{}", rendered(adapters.KeeperAlertTemplate, "#record_uid", ""), nil},
		{"record as it stands", "{}", adapters.KeeperAlertTemplate, nil},
	})
}

func TestKeeperAlertRefuses(t *testing.T) {
	testRefusedNotices(t, "keeper-alert", []refusedNotice{
		{"another template", "{}", `{"text":"hunter2"}`, "/type is missing, not a string"},
		{"no key", "{}", `{"type":"hunter2"}`, "/key is missing, not a string"},
		{"long key", "{}", `{"type":"x","key":"` + strings.Repeat("hunter2", 40) + `"}`, "/key has 280 bytes; a record's UID has fewer"},
		{"quote in a name", "{}", `{"type":"a "hunter2" alert","key":"a"}`, "JSON is not accepted at byte 12: a comma or a closing brace should be here"},
	})
}

// FuzzKeeperAlert: the adapter reads the record that encoding/json reads.
func FuzzKeeperAlert(f *testing.F) {
	fuzzNotices(f, "keeper-alert", "{}", func(body map[string]any) []string {
		record := body["key"].(string)
		if record == "" || record[0] == '#' {
			return nil
		}
		return []string{record}
	}, rendered(adapters.KeeperAlertTemplate, "#record_uid", "Ab-_1", "#timestamp", "1767225600"), adapters.KeeperAlertTemplate)
}
