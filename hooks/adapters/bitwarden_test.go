package adapters_test

import (
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks/adapters"
)

// rendered is the template with values for some of its tokens; Bitwarden leaves
// the others as they are.
func rendered(template string, values ...string) string {
	return strings.NewReplacer(values...).Replace(template)
}

func TestBitwardenReads(t *testing.T) {
	at := []string{"#DateIso8601#", "2026-01-01T00:00:00.1234567Z", "#IdempotencyId#", "e1"}
	body := func(values ...string) string {
		return rendered(adapters.BitwardenTemplate, append(values, at...)...)
	}
	one := func(secret string) []view {
		return []view{{ID: "e1", Secret: secret, Operation: "changed", OccurredAt: "2026-01-01T00:00:00.123Z"}}
	}
	testNotices(t, "bitwarden", []noticeTest{
		{"secret edited", "{}", body("#TypeId#", "2102", "#SecretId#", "5f7a-1"), one("5f7a-1")},
		{"secret created", "{}", body("#TypeId#", "2101", "#SecretId#", "5f7a-1"), one("5f7a-1")},
		{"cipher created", "{}", body("#TypeId#", "1100", "#CipherId#", "5f7a-2"), one("5f7a-2")},
		{"cipher updated", "{}", body("#TypeId#", "1101", "#CipherId#", "5f7a-2"), one("5f7a-2")},
		{"number as type", "{}", `{"type_id":2102,"secret_id":"a"}`, changes("a")},
		{"no ID and no time", "{}", rendered(adapters.BitwardenTemplate, "#TypeId#", "2102", "#SecretId#", "a", `"#DateIso8601#"`, "null"), changes("a")},
		{"secret deleted", "{}", body("#TypeId#", "2103", "#SecretId#", "5f7a-1"), nil},
		{"cipher deleted", "{}", body("#TypeId#", "1102", "#CipherId#", "5f7a-1"), nil},
		{"user logged in", "{}", body("#TypeId#", "1000"), nil},
	})
}

func TestBitwardenRefuses(t *testing.T) {
	testRefusedNotices(t, "bitwarden", []refusedNotice{
		{"another template", "{}", `{"text":"hunter2"}`, "/type_id is missing; a secret's name is a string"},
		{"no secret", "{}", rendered(adapters.BitwardenTemplate, "#TypeId#", "2102", "#CipherId#", "hunter2"), "/secret_id is missing; a secret's name is a string"},
		{"no cipher", "{}", rendered(adapters.BitwardenTemplate, "#TypeId#", "1101", "#SecretId#", "hunter2"), "/cipher_id is missing; a secret's name is a string"},
		{"long cipher", "{}", rendered(adapters.BitwardenTemplate, "#TypeId#", "1101", "#CipherId#", strings.Repeat("hunter2", 40)), "/cipher_id has 280 bytes; a secret's name has 1 to 255"},
		{"space in ID", "{}", `{"type_id":"2102","secret_id":"a","delivery_id":"hunter 2"}`, "/delivery_id is not 1 to 256 printable ASCII characters without space"},
		{"no time", "{}", `{"type_id":"2102","secret_id":"a","at":"hunter2"}`, "/at is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{"huge number", "{}", `{"type_id":1e999999,"secret_id":"a"}`, "/type_id is a number; a secret's name is a string"},
	})
}

// FuzzBitwarden: the adapter reads the ID that encoding/json reads.
func FuzzBitwarden(f *testing.F) {
	fuzzNotices(f, "bitwarden", "{}", func(body map[string]any) []string {
		switch kind, _ := body["type_id"].(string); kind {
		case "1100", "1101":
			return []string{body["cipher_id"].(string)}
		case "2101", "2102":
			return []string{body["secret_id"].(string)}
		}
		if _, isNumber := body["type_id"].(float64); isNumber {
			return anything
		}
		return nil
	}, rendered(adapters.BitwardenTemplate, "#TypeId#", "2102", "#SecretId#", "a"), `{"type_id":1101,"cipher_id":"a"}`)
}
