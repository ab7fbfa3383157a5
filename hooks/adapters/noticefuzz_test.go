package adapters_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
)

// anything is what an oracle says of a body of which it does not know what is
// read.
var anything = []string{"*"}

// readNotices reads any body and holds the adapter to what all have in common.
func readNotices(t *testing.T, adapter, config string, body []byte) []view {
	t.Helper()
	got, err := notices(t, adapter, config, string(body))
	if err != nil && !errors.Is(err, hooks.ErrMalformed) {
		t.Fatalf("error %v is of no class", err)
	}
	if len(got) > hooks.MaxEvents {
		t.Fatalf("%d events", len(got))
	}
	for _, event := range got {
		if event.Operation != "changed" || event.Value != "" || event.Fields != nil || event.Secret == "" {
			t.Fatalf("event %+v", event)
		}
	}
	return got
}

// fuzzNotices holds the names that an adapter reads, whatever the body, to
// those that the oracle finds in what encoding/json makes of it. The seeds are
// the adapter's samples and more.
func fuzzNotices(f *testing.F, adapter, config string, oracle func(map[string]any) []string, more ...string) {
	f.Helper()
	for _, s := range noticeSamples {
		if s.adapter == adapter {
			f.Add([]byte(s.body))
		}
	}
	for _, seed := range more {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := readNotices(t, adapter, config, body)
		if len(got) == 0 {
			return
		}
		var doc map[string]any
		if json.Unmarshal(body, &doc) != nil {
			return // an array of events, whose elements are read in the same way
		}
		want := oracle(doc)
		if slices.Equal(want, anything) {
			return
		}
		var names []string
		for _, event := range got {
			names = append(names, event.Secret)
		}
		slices.Sort(names)
		slices.Sort(want)
		if diff := cmp.Diff(slices.Compact(want), names); diff != "" {
			t.Fatalf("-encoding/json +%s:\n%s", adapter, diff)
		}
	})
}
