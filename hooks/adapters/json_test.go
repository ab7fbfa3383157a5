package adapters_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
)

var fullJSON = adapters.JSON{
	Secret: "/record/path", SecretPrefix: "prod/", Value: "/record/new/0",
	Operation: "/type", SetValues: []string{"created", "rotated"}, DeleteValues: []string{"removed"},
	EventID: "/id", Time: "/at",
}

func newJSON(t testing.TB, settings adapters.JSON) hooks.Adapter {
	t.Helper()
	adapter, err := adapters.NewJSON(settings)
	if err != nil {
		t.Fatal(err)
	}
	return adapter
}

func TestJSONReads(t *testing.T) {
	tests := []struct {
		name     string
		settings adapters.JSON
		body     string
		want     view
	}{
		{
			"everything", fullJSON,
			`{"type":"rotated","id":"evt-1.2","at":"2026-01-01T01:00:00.5+01:00","record":{"path":"db/orders","new":["tig\u0065r\n"]}}`,
			view{"evt-1.2", "prod/db/orders", "set", "tiger\n", nil, "2026-01-01T00:00:00.5Z"},
		},
		{
			"deletion, whose value is not read", fullJSON,
			`{"type":"removed","id":17,"at":1767225600,"record":{"path":"db/orders","new":[null]}}`,
			view{"17", "prod/db/orders", "delete", "", nil, "2026-01-01T00:00:00Z"},
		},
		{
			"neither ID nor time", fullJSON,
			`{"type":"created","id":null,"record":{"path":"db/orders","new":["x"]}}`,
			view{"", "prod/db/orders", "set", "x", nil, ""},
		},
		{
			"milliseconds", fullJSON,
			`{"type":"created","at":1767225600123,"record":{"path":"a","new":["x"]}}`,
			view{"", "prod/a", "set", "x", nil, "2026-01-01T00:00:00.123Z"},
		},
		{
			"last seconds", fullJSON,
			`{"type":"created","at":99999999999,"record":{"path":"a","new":["x"]}}`,
			view{"", "prod/a", "set", "x", nil, "5138-11-16T09:46:39Z"},
		},
		{
			"first milliseconds", fullJSON,
			`{"type":"created","at":100000000000,"record":{"path":"a","new":["x"]}}`,
			view{"", "prod/a", "set", "x", nil, "1973-03-03T09:46:40Z"},
		},
		{
			"fixed name and fields",
			adapters.JSON{SecretName: "prod/db", Fields: map[string]string{"user": "/u", "password": "/p~1q"}},
			`{"p/q":"\"\ud83d\ude00","u":"scott","more":{}}`,
			view{"", "prod/db", "set", `{"password":"\"😀","user":"scott"}`, []string{"password", "user"}, ""},
		},
		{
			"default words", adapters.JSON{SecretName: "a", Value: "/v", Operation: "/o"}, `{"o":"delete"}`,
			view{"", "a", "delete", "", nil, ""},
		},
		{
			"value with a NUL", adapters.JSON{SecretName: "a", Value: "/v"}, `{"v":"a\u0000b"}`,
			view{"", "a", "set", "a\x00b", nil, ""},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			event, err := one(newJSON(t, test.settings).Read(request(test.body), hooks.Verified{EventID: "msg_1", SignedAt: time.Unix(1, 0)}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, viewOf(t, event)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestJSONRefuses(t *testing.T) {
	fields := adapters.JSON{SecretName: "a", Fields: map[string]string{"user": "/u", "password": "/p"}}
	record := func(rest string) string {
		return `{"type":"created","record":{"path":"a","new":["hunter2"]}` + rest + `}`
	}
	tests := []struct {
		name     string
		settings adapters.JSON
		body     string
		want     string
	}{
		{"no JSON", fullJSON, `hunter2`, "malformed request: JSON is not accepted at byte 0: a value should begin here"},
		{"same member twice", fullJSON, `{"a":"hunter2","a":1}`, "malformed request: JSON is not accepted at byte 15: the object has this member name twice"},
		{"not an object", fullJSON, `["hunter2"]`, "malformed request: the body is an array, not a JSON object"},
		{"no name", fullJSON, `{"type":"created"}`, "malformed request: /record/path is missing; a secret's name is a string"},
		{"number as name", fullJSON, `{"record":{"path":1}}`, "malformed request: /record/path is a number; a secret's name is a string"},
		{"empty name", fullJSON, `{"record":{"path":""}}`, "malformed request: /record/path has 0 bytes; a secret's name has 1 to 255"},
		{"long name", fullJSON, `{"record":{"path":"` + strings.Repeat("x", 256) + `"}}`, "malformed request: /record/path has 256 bytes; a secret's name has 1 to 255"},
		{"no operation", fullJSON, `{"record":{"path":"a"}}`, "malformed request: /type is missing; an operation is a string"},
		{"unknown operation", fullJSON, `{"record":{"path":"a"},"type":"set"}`, "malformed request: the word at /type is neither in set_values nor in delete_values"},
		{"object as ID", fullJSON, record(`,"id":{}`), "malformed request: /id is an object; an event ID is a string or a number"},
		{"empty ID", fullJSON, record(`,"id":""`), "malformed request: /id is not 1 to 256 printable ASCII characters without space"},
		{"space in ID", fullJSON, record(`,"id":"a b"`), "malformed request: /id is not 1 to 256 printable ASCII characters without space"},
		{"long ID", fullJSON, record(`,"id":"` + strings.Repeat("x", 257) + `"`), "malformed request: /id is not 1 to 256 printable ASCII characters without space"},
		{"boolean as time", fullJSON, record(`,"at":true`), "malformed request: /at is a boolean; a time is a string or a number"},
		{"time without zone", fullJSON, record(`,"at":"2026-01-01T00:00:00"`), "malformed request: /at is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{"time with an hour of one digit", fullJSON, record(`,"at":"2026-01-01T0:00:00Z"`), "malformed request: /at is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{"time with a far offset", fullJSON, record(`,"at":"2026-01-01T00:00:00+24:00"`), "malformed request: /at is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{"time with a comma", fullJSON, record(`,"at":"2026-01-01T00:00:00,5Z"`), "malformed request: /at is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{"fraction", fullJSON, record(`,"at":1.5`), "malformed request: /at is not whole seconds or milliseconds since 1970"},
		{"exponent", fullJSON, record(`,"at":1e9`), "malformed request: /at is not whole seconds or milliseconds since 1970"},
		{"before 1970", fullJSON, record(`,"at":-1`), "malformed request: /at is not whole seconds or milliseconds since 1970"},
		{"microseconds", fullJSON, record(`,"at":100000000000000`), "malformed request: /at is not whole seconds or milliseconds since 1970"},
		{"no value", fullJSON, `{"type":"created","record":{"path":"a","new":[]}}`, "no value in the event: /record/new/0 is missing"},
		{"null as value", fullJSON, `{"type":"created","record":{"path":"a","new":[null]}}`, "no value in the event: /record/new/0 is null"},
		{"empty value", fullJSON, `{"type":"created","record":{"path":"a","new":[""]}}`, "no value in the event: /record/new/0 is empty"},
		{"number as value", fullJSON, `{"type":"created","record":{"path":"a","new":[12345]}}`, "malformed request: /record/new/0 is a number; a value is a string"},
		{"object as value", fullJSON, `{"type":"created","record":{"path":"a","new":[{}]}}`, "malformed request: /record/new/0 is an object; a value is a string"},
		{"no field", fields, `{"p":"hunter2"}`, "no value in the event: /u is missing"},
		{"empty field", fields, `{"p":"","u":"scott"}`, "no value in the event: /p is empty"},
		{"boolean as field", fields, `{"p":"hunter2","u":false}`, "malformed request: /u is a boolean; a value is a string"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			event, err := one(newJSON(t, test.settings).Read(request(test.body), hooks.Verified{}))
			checkRefused(t, event, err, test.want)
		})
	}
}

func TestNewJSONRefuses(t *testing.T) {
	const either = "set either secret, where the name is, or secret_name, the name itself"
	tests := []struct {
		name     string
		settings adapters.JSON
		want     string
	}{
		{"nothing", adapters.JSON{}, either + "\nset either value or fields"},
		{"both names", adapters.JSON{Secret: "/a", SecretName: "a", Value: "/v"}, either},
		{"both values", adapters.JSON{Secret: "/a", Value: "/v", Fields: map[string]string{"a": "/a"}}, "set either value or fields"},
		{"prefix of a fixed name", adapters.JSON{SecretName: "a", SecretPrefix: "prod/", Value: "/v"}, "secret_prefix goes with secret; write secret_name in full"},
		{"bad fixed name", adapters.JSON{SecretName: "../a", Value: "/v"}, "secret_name: malformed request: a segment of a secret name begins or ends with a dot or a space"},
		{"words without operation", adapters.JSON{Secret: "/a", Value: "/v", SetValues: []string{"x"}}, "set_values and delete_values need operation, where the word is"},
		{"word in both lists", adapters.JSON{Secret: "/a", Value: "/v", Operation: "/o", SetValues: []string{"delete"}}, "set_values and delete_values have the same word twice"},
		{"bad pointers", adapters.JSON{Secret: "a", Value: "/~2"}, "secret: JSON Pointer \"a\" does not begin with a slash\nvalue: JSON Pointer \"/~2\" has a ~ that is neither ~0 (for ~) nor ~1 (for /)"},
		{"field without pointer", adapters.JSON{Secret: "/a", Fields: map[string]string{"a": ""}}, "fields: a has no pointer"},
		{"bad field name", adapters.JSON{Secret: "/a", Fields: map[string]string{"a b": "/a"}}, "fields: a field's name is not 1 to 64 letters, digits and -._"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := adapters.NewJSON(test.settings); err == nil || err.Error() != test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

// FuzzJSON: whatever the body, the adapter reads what encoding/json reads at
// the same places, or refuses with an error of a class.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"type":"rotated","id":"1","at":"2026-01-01T00:00:00Z","record":{"path":"a","new":["x\ud83d\ude00"]}}`))
	f.Add([]byte(`{"type":"removed","id":1,"at":1767225600000,"record":{"path":"a"}}`))
	f.Add([]byte(`{"type":"created","record":{"path":"a","new":[""]}}`))
	f.Add([]byte(`{"record":{"record":[]}}`))
	adapter := newJSON(f, fullJSON)
	f.Fuzz(func(t *testing.T, body []byte) {
		event, err := one(adapter.Read(request(string(body)), hooks.Verified{}))
		if err != nil {
			checkClass(t, event, err)
			return
		}
		var doc map[string]any
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Fatal(err)
		}
		record := doc["record"].(map[string]any)
		want := view{Secret: "prod/" + record["path"].(string), Operation: "set"}
		if doc["type"] == "removed" {
			want.Operation = "delete"
		} else {
			want.Value = record["new"].([]any)[0].(string)
		}
		got := viewOf(t, event)
		got.ID, got.OccurredAt = "", ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-encoding/json +adapter:\n%s", diff)
		}
		if (want.Operation == "set") != (want.Value != "") {
			t.Fatalf("accepted an event to %s with a value of %d bytes", want.Operation, len(want.Value))
		}
	})
}

func checkClass(t *testing.T, event hooks.Event, err error) {
	t.Helper()
	if !errors.Is(err, hooks.ErrMalformed) && !errors.Is(err, hooks.ErrNoValue) {
		t.Fatalf("error %v is of no class", err)
	}
	if event.Value != nil {
		t.Fatal("a refused request has a value")
	}
}
