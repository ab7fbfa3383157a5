package adapters_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
)

// sealedBody is a good one, before edit.
func sealedBody(old, edited string) string {
	const good = `{"event_id":"msg_1","secret":"prod/db","operation":"set","occurred_at":"2026-01-01T00:00:00Z","recipients":"abc","envelopes":[{"format":"age","key_id":"sha256:00","envelope":"AAE="}]}`
	if !strings.Contains(good, old) {
		panic("there is no " + old)
	}
	return strings.Replace(good, old, edited, 1)
}

func goodSealed() adapters.Sealed {
	return adapters.Sealed{
		EventID: "msg_1", Secret: "prod/db", Operation: hooks.Set, OccurredAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Recipients: "abc",
		Envelopes: []adapters.Envelope{{Format: "age", KeyID: "sha256:00", Bytes: []byte{0, 1}}},
	}
}

func TestSealedReads(t *testing.T) {
	deleted := adapters.Sealed{EventID: "msg_2", Secret: "a", Operation: hooks.Delete, OccurredAt: time.Unix(1, 5).UTC()}
	tests := map[string]struct {
		body string
		want adapters.Sealed
	}{
		"as it is written": {sealedBody("", ""), goodSealed()},
		"with an escape":   {sealedBody(`"AAE="`, `"AA\u0045\u003d"`), goodSealed()},
		"a deletion":       {`{"event_id":"msg_2","secret":"a","operation":"delete","occurred_at":"1970-01-01T00:00:01.000000005Z"}`, deleted},
	}
	for name, test := range tests {
		got, err := adapters.ReadSealed(request(test.body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
		body, err := adapters.EncodeSealed(got)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := adapters.ParseSealed(body); err != nil || !cmp.Equal(again, got) {
			t.Errorf("%s: it does not come back: %+v, %v", name, again, err)
		}
	}
	if body, err := adapters.EncodeSealed(goodSealed()); err != nil || string(body) != sealedBody("", "") {
		t.Errorf("written as %s, %v", body, err)
	}
}

func TestSealedRefuses(t *testing.T) {
	twice := `{"format":"age","key_id":"sha256:00","envelope":"AAE="}`
	var list []string
	for i := range adapters.MaxEnvelopes + 1 {
		list = append(list, strings.Replace(twice, "00", fmt.Sprint(i), 1))
	}
	many := strings.Join(list, ",")
	tests := []struct {
		name, body string
		class      error
		want       string
	}{
		{"no JSON", ``, hooks.ErrMalformed, "JSON is not accepted at byte 0"},
		{"a list", `[]`, hooks.ErrMalformed, "the body is an array"},
		{"an unknown member", sealedBody(`"recipients"`, `"hunter2":1,"recipients"`), hooks.ErrMalformed, "a sealed event has an unknown member"},
		{"a value", sealedBody(`"recipients"`, `"value":"hunter2","recipients"`), hooks.ErrMalformed, "a sealed event has an unknown member"},
		{"a member twice", sealedBody(`"recipients"`, `"secret":"b","recipients"`), hooks.ErrMalformed, "JSON is not accepted"},
		{"no ID", sealedBody(`"event_id":"msg_1",`, ``), hooks.ErrMalformed, "event_id is missing"},
		{"an empty ID", sealedBody(`msg_1`, ``), hooks.ErrMalformed, "event_id has 0 bytes"},
		{"a long ID", sealedBody(`msg_1`, strings.Repeat("x", 257)), hooks.ErrMalformed, "event_id has 257 bytes"},
		{"a number as ID", sealedBody(`"msg_1"`, `1`), hooks.ErrMalformed, "event_id is a number"},
		{"no name", sealedBody(`"secret":"prod/db",`, ``), hooks.ErrMalformed, "secret is missing"},
		{"a bad name", sealedBody(`prod/db`, `../hunter2`), hooks.ErrMalformed, "a segment of a secret name"},
		{"no operation", sealedBody(`"operation":"set",`, ``), hooks.ErrMalformed, `operation is neither "set" nor "delete"`},
		{"another operation", sealedBody(`"set"`, `"changed"`), hooks.ErrMalformed, `operation is neither "set" nor "delete"`},
		{"no time", sealedBody(`"occurred_at":"2026-01-01T00:00:00Z",`, ``), hooks.ErrMalformed, "occurred_at is not a time"},
		{"a number as time", sealedBody(`"2026-01-01T00:00:00Z"`, `1767225600`), hooks.ErrMalformed, "occurred_at is not a time"},
		{"no recipients", sealedBody(`"recipients":"abc",`, ``), hooks.ErrMalformed, "recipients is missing"},
		{"empty recipients", sealedBody(`"abc"`, `""`), hooks.ErrMalformed, "recipients has 0 bytes"},
		{"null recipients", sealedBody(`"abc"`, `null`), hooks.ErrMalformed, "recipients is null"},
		{"no envelopes", sealedBody(`,"envelopes":[{"format":"age","key_id":"sha256:00","envelope":"AAE="}]`, ``), hooks.ErrNoValue, "envelopes is empty or missing"},
		{"no envelope", sealedBody(twice, ``), hooks.ErrNoValue, "envelopes is empty or missing"},
		{"envelopes in an object", sealedBody(`[`+twice+`]`, twice), hooks.ErrMalformed, "envelopes is an object"},
		{"null envelopes", sealedBody(`[`+twice+`]`, `null`), hooks.ErrMalformed, "envelopes is null"},
		{"a string as envelope", sealedBody(twice, `"AAE="`), hooks.ErrMalformed, "an envelope is a string"},
		{"an unknown member of one", sealedBody(`"format"`, `"hunter2":1,"format"`), hooks.ErrMalformed, "an envelope has an unknown member"},
		{"no format", sealedBody(`"format":"age",`, ``), hooks.ErrMalformed, "format is missing"},
		{"a long format", sealedBody(`"age"`, `"`+strings.Repeat("x", 129)+`"`), hooks.ErrMalformed, "format has 129 bytes"},
		{"no key", sealedBody(`"key_id":"sha256:00",`, ``), hooks.ErrMalformed, "key_id is missing"},
		{"nothing in it", sealedBody(`AAE=`, ``), hooks.ErrMalformed, "not padded base64 of something"},
		{"no padding", sealedBody(`AAE=`, `AAE`), hooks.ErrMalformed, "not padded base64 of something"},
		{"stray bits", sealedBody(`AAE=`, `AAF=`), hooks.ErrMalformed, "not padded base64 of something"},
		{"a line break", sealedBody(`AAE=`, `AA\nE=`), hooks.ErrMalformed, "not padded base64 of something"},
		{"digits as envelope", sealedBody(`"AAE="`, `1234`), hooks.ErrMalformed, "not padded base64 of something"},
		{"a key twice", sealedBody(twice, twice+","+twice), hooks.ErrMalformed, "two envelopes for one key"},
		{"too many", sealedBody(twice, many), hooks.ErrMalformed, "more than 10000 envelopes"},
		{"a deletion with envelopes", sealedBody(`"set"`, `"delete"`), hooks.ErrMalformed, "a deletion has nothing sealed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := adapters.ReadSealed(request(test.body))
			if !errors.Is(err, test.class) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error is %v, want %s", err, test.want)
			}
			if !cmp.Equal(got, adapters.Sealed{}) {
				t.Errorf("an event beside an error: %+v", got)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats the body: %v", err)
			}
		})
	}
	plain := request(sealedBody("", ""))
	plain.Header.Set("Content-Type", "text/plain")
	if _, err := adapters.ReadSealed(plain); !errors.Is(err, hooks.ErrMediaType) {
		t.Errorf("plain text: error is %v", err)
	}
}

func TestEncodeSealedRefuses(t *testing.T) {
	tests := map[string]func(*adapters.Sealed){
		"no ID":         func(e *adapters.Sealed) { e.EventID = "" },
		"no name":       func(e *adapters.Sealed) { e.Secret = "" },
		"no time":       func(e *adapters.Sealed) { e.OccurredAt = time.Time{} },
		"no recipients": func(e *adapters.Sealed) { e.Recipients = "" },
		"no envelope":   func(e *adapters.Sealed) { e.Envelopes = nil },
		"to delete":     func(e *adapters.Sealed) { e.Operation = hooks.Delete },
		"news":          func(e *adapters.Sealed) { e.Operation = hooks.Changed },
		"a far time":    func(e *adapters.Sealed) { e.OccurredAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	}
	for name, change := range tests {
		event := goodSealed()
		change(&event)
		if body, err := adapters.EncodeSealed(event); err == nil || body != nil {
			t.Errorf("%s: written as %s", name, body)
		}
	}
}

// FuzzSealed: what is read is what it is read as again, and nothing comes beside
// an error.
func FuzzSealed(f *testing.F) {
	f.Add([]byte(sealedBody("", "")))
	f.Add([]byte(sealedBody(`"AAE="`, `"AA\u0045="`)))
	f.Add([]byte(`{"event_id":"a","secret":"a","operation":"delete","occurred_at":"1970-01-01T00:00:01+01:00"}`))
	f.Add([]byte(`{"event_id":`))
	f.Fuzz(func(t *testing.T, body []byte) {
		kept := bytes.Clone(body)
		event, err := adapters.ParseSealed(body)
		if !bytes.Equal(kept, body) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			if !cmp.Equal(event, adapters.Sealed{}) {
				t.Fatal("an event beside an error")
			}
			return
		}
		written, err := adapters.EncodeSealed(event)
		if err != nil {
			t.Fatal(err)
		}
		again, err := adapters.ParseSealed(written)
		if err != nil || !again.OccurredAt.Equal(event.OccurredAt) {
			t.Fatalf("it does not come back: %v", err)
		}
		again.OccurredAt = event.OccurredAt
		if !cmp.Equal(again, event) {
			t.Fatalf("it comes back as another: %+v, %+v", event, again)
		}
	})
}
