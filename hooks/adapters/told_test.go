package adapters_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
)

// toldTest is a request of which an adapter makes events, or a refusal.
type toldTest struct {
	name   string
	sample sample
	want   []view
	// refused is the text of the refusal, without its class malformed.
	refused string
}

func testTold(t *testing.T, tests []toldTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			message, err := test.sample.new(t).Read(test.sample.request(t, test.sample.body), hooks.Verified{EventID: "verifier's"})
			var got []view
			for _, event := range message.Events {
				got = append(got, viewOf(t, event))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if message.Reply != nil || message.Exists != "" {
				t.Errorf("the message is %+v", message)
			}
			switch {
			case test.refused == "" && err != nil:
				t.Errorf("error is %v", err)
			case test.refused == "":
			case !errors.Is(err, hooks.ErrMalformed) || err.Error() != "malformed request: "+test.refused:
				t.Errorf("error is %v, want %s", err, test.refused)
			case strings.Contains(err.Error(), "hunter"):
				t.Errorf("error repeats what was sent: %v", err)
			}
		})
	}
}

// fuzzTold: whatever the body, the adapter refuses with an error of a class, or
// tells of change with names, IDs and times within their bounds.
func fuzzTold(f *testing.F, samples ...sample) {
	for _, s := range samples {
		f.Add([]byte(s.body))
	}
	adapter := samples[0].new(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		message, err := adapter.Read(samples[0].request(t, string(body)), hooks.Verified{})
		if err != nil {
			event, _ := one(message, nil)
			checkClass(t, event, err)
			return
		}
		if len(message.Events) > hooks.MaxEvents || len(message.Events) > len(body) {
			t.Fatalf("%d events", len(message.Events))
		}
		for _, event := range message.Events {
			if event.Operation != hooks.Changed || event.Value != nil || event.Secret == "" || len(event.Secret) > hooks.MaxNameLen || len(event.ID) > 256 {
				t.Fatalf("event to %s a secret with %d bytes, ID with %d", event.Operation, len(event.Secret), len(event.ID))
			}
			if !event.OccurredAt.IsZero() && (event.OccurredAt.Year() < 0 || event.OccurredAt.Year() > 9999) {
				t.Fatalf("event at %v", event.OccurredAt)
			}
		}
	})
}
