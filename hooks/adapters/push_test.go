package adapters_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func TestPushReads(t *testing.T) {
	tests := []struct {
		name, body string
		want       view
	}{
		{"value", `{"secret":"prod/db","operation":"set","value":"tiger\n"}`, view{"", "prod/db", "set", "tiger\n", nil, ""}},
		{"without operation", `{"secret":"prod/db","value":"tiger"}`, view{"", "prod/db", "set", "tiger", nil, ""}},
		{"base64", `{"secret":"a","value_base64":"\/wD\u002b"}`, view{"", "a", "set", "\xff\x00\xfe", nil, ""}},
		{"fields", `{"secret":"a","fields":{"user":"scott","password":"t\"r"}}`, view{"", "a", "set", `{"password":"t\"r","user":"scott"}`, []string{"password", "user"}, ""}},
		{"deletion", `{"secret":"a","operation":"delete","occurred_at":"2026-01-01T00:00:00Z"}`, view{"", "a", "delete", "", nil, "2026-01-01T00:00:00Z"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			event, err := one(adapters.Push{}.Read(request(test.body), hooks.Verified{EventID: "msg_1"}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, viewOf(t, event)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPushRefuses(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"no JSON", ``, "malformed request: JSON is not accepted at byte 0: a value should begin here"},
		{"string", `"hunter2"`, "malformed request: the body is a string, not a JSON object"},
		{"unknown member", `{"secret":"a","hunter2":"x","value":"x"}`, "malformed request: the body has an unknown member; known are secret, operation, occurred_at, value, value_base64 and fields"},
		{"other case", `{"Secret":"a","value":"x"}`, "malformed request: the body has an unknown member; known are secret, operation, occurred_at, value, value_base64 and fields"},
		{"no name", `{"value":"x"}`, "malformed request: secret is missing; a secret's name is a string"},
		{"unknown operation", `{"secret":"a","operation":"SET","value":"x"}`, `malformed request: operation is neither "set" nor "delete"`},
		{"null operation", `{"secret":"a","operation":null,"value":"x"}`, `malformed request: operation is neither "set" nor "delete"`},
		{"number as time", `{"secret":"a","occurred_at":1,"value":"x"}`, "malformed request: occurred_at is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{"value to delete", `{"secret":"a","operation":"delete","value":null}`, "malformed request: a deletion has no value; leave out value, value_base64 and fields"},
		{"no value", `{"secret":"a"}`, "no value in the event: give value, value_base64 or fields"},
		{"null value", `{"secret":"a","value":null}`, "no value in the event: value is null"},
		{"empty value", `{"secret":"a","value":""}`, "no value in the event: value is empty"},
		{"empty base64", `{"secret":"a","value_base64":""}`, "no value in the event: value_base64 is empty"},
		{"two values", `{"secret":"a","value":"x","fields":{"a":"b"}}`, "malformed request: more than one of value, value_base64 and fields; give one"},
		{"number", `{"secret":"a","value":12345}`, "malformed request: value is a number; a value is a string"},
		{"not base64", `{"secret":"a","value_base64":"hunter2!"}`, "malformed request: value_base64 is not padded base64"},
		{"no padding", `{"secret":"a","value_base64":"YQ"}`, "malformed request: value_base64 is not padded base64"},
		{"loose bits", `{"secret":"a","value_base64":"YR=="}`, "malformed request: value_base64 is not padded base64"},
		{"line break", `{"secret":"a","value_base64":"YWJj\nYWJj"}`, "malformed request: value_base64 is not padded base64"},
		{"array as fields", `{"secret":"a","fields":["hunter2"]}`, "malformed request: fields is an array, not an object"},
		{"no fields", `{"secret":"a","fields":{}}`, "malformed request: 0 fields; 1 to 64 are allowed"},
		{"bad field name", `{"secret":"a","fields":{"hunter 2":"x"}}`, "malformed request: a field's name is not 1 to 64 letters, digits and -._"},
		{"number as field", `{"secret":"a","fields":{"pin":1234}}`, "malformed request: field pin is a number; a value is a string"},
		{"empty field", `{"secret":"a","fields":{"pin":""}}`, "no value in the event: field pin is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			event, err := one(adapters.Push{}.Read(request(test.body), hooks.Verified{}))
			checkRefused(t, event, err, test.want)
			if strings.Contains(err.Error(), "hunter") {
				t.Errorf("error repeats what was sent: %v", err)
			}
		})
	}
}

func TestEncodePushRefuses(t *testing.T) {
	wiped := text("x")
	wiped.Wipe()
	set := func(value *hooks.Value, fields ...string) hooks.Event {
		return hooks.Event{Secret: "a", Operation: hooks.Set, Value: value, Fields: fields}
	}
	tests := []struct {
		name  string
		event hooks.Event
		want  string
	}{
		{"bad name", hooks.Event{Secret: `a"b`, Operation: hooks.Set, Value: text("x")}, "malformed request: secret name has a character that is not allowed at byte 2 of a segment; allowed are letters, digits, space and -._@+=,~"},
		{"no operation", hooks.Event{Secret: "a", Value: text("x")}, "operation is neither set nor delete"},
		{"value to delete", hooks.Event{Secret: "a", Operation: hooks.Delete, Value: text("x")}, "a deletion has no value"},
		{"no value", set(nil), "no value in the event"},
		{"empty value", set(text("")), "no value in the event"},
		{"wiped value", set(wiped), "no value in the event"},
		{"no object", set(text("x"), "a"), "the value of an event with fields is not a JSON object"},
		{"number in object", set(text(`{"a":1}`), "a"), "the value of an event with fields has a field that is not a string with something in it"},
		{"empty field", set(text(`{"a":""}`), "a"), "the value of an event with fields has a field that is not a string with something in it"},
		{"other names", set(text(`{"a":"x"}`), "b"), "the value of an event with fields has other fields, or another order"},
		{"bad name of a field", set(text(`{"a b":"x"}`), "a b"), "a field's name is not 1 to 64 letters, digits and -._"},
		{"far time", hooks.Event{Secret: "a", Operation: hooks.Delete, OccurredAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "occurred_at: Time.MarshalText: year outside of range [0,9999]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body, err := adapters.EncodePush(test.event)
			if err == nil || err.Error() != test.want || body != nil {
				t.Errorf("body has %d bytes, error is %v, want %s", len(body), err, test.want)
			}
		})
	}
}

// TestPushRoundTrip: what EncodePush writes, Push reads.
func TestPushRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		event := hooks.Event{
			Secret:    rapid.StringMatching(`[a-z0-9_@+=,~-]{1,20}(/[a-zA-Z0-9]{1,20}){0,4}`).Draw(t, "secret"),
			Operation: rapid.SampledFrom([]hooks.Operation{hooks.Set, hooks.Delete}).Draw(t, "operation"),
		}
		if rapid.Bool().Draw(t, "with time") {
			event.OccurredAt = time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		}
		if event.Operation == hooks.Set {
			event.Value, event.Fields = drawValue(t)
		}
		body, err := adapters.EncodePush(event)
		if err != nil {
			t.Fatal(err)
		}
		if cap(body) != len(body) && event.Operation == hooks.Set {
			t.Fatalf("body was sized %d and has %d bytes; an outgrown buffer leaves a copy behind", cap(body), len(body))
		}
		before := bytes.Clone(body)
		got, err := one(adapters.Push{}.Read(request(string(body)), hooks.Verified{}))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if got.Secret != event.Secret || got.Operation != event.Operation || !got.OccurredAt.Equal(event.OccurredAt) {
			t.Fatalf("read %s %s %v", got.Operation, got.Secret, got.OccurredAt)
		}
		if diff := cmp.Diff(event.Fields, got.Fields); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		if event.Value == nil && got.Value != nil || event.Value != nil && !event.Value.Equal(got.Value) {
			t.Fatal("read another value")
		}
	})
}

func drawValue(t *rapid.T) (*hooks.Value, []string) {
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		return text(rapid.StringN(1, 50, -1).Draw(t, "text")), nil
	case 1:
		return secretbytes.New(rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "bytes")), nil
	}
	fields := map[string]*hooks.Value{}
	drawn := rapid.MapOfN(rapid.StringMatching(`[A-Za-z0-9_.-]{1,64}`), rapid.StringN(1, 20, -1), 1, 64).Draw(t, "fields")
	for name, value := range drawn {
		fields[name] = text(value)
	}
	value, names, err := adapters.JoinFields(fields)
	if err != nil {
		t.Fatal(err)
	}
	return value, names
}

// FuzzPush: what Push reads, EncodePush writes so that Push reads the same.
func FuzzPush(f *testing.F) {
	f.Add([]byte(`{"secret":"prod/db","operation":"set","value":"tiger\n"}`))
	f.Add([]byte(`{"secret":"a","value_base64":"/wD+","occurred_at":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"secret":"a","fields":{"user":"scott","password":"t\"r"}}`))
	f.Add([]byte(`{"secret":"a","operation":"delete"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		event, err := one(adapters.Push{}.Read(request(string(body)), hooks.Verified{}))
		if err != nil {
			checkClass(t, event, err)
			return
		}
		again, err := adapters.EncodePush(event)
		if errors.Is(err, hooks.ErrMalformed) {
			return // the intake checks names
		}
		if err != nil {
			t.Fatal(err)
		}
		back, err := one(adapters.Push{}.Read(request(string(again)), hooks.Verified{}))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(viewOf(t, event), viewOf(t, back)); diff != "" {
			t.Fatalf("-first +again:\n%s", diff)
		}
	})
}
