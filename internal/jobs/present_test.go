package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// echo says what the task was told to do.
func echo(_ context.Context, task jobs.Task) (jobs.Report, error) {
	return jobs.Report{Message: string(task.Settings)}, nil
}

// A run does what its job is when it begins, whatever it was when the run was added, or
// says that it cannot.
func TestPresent(t *testing.T) {
	command := func(settings string) jobs.Definition {
		return jobs.Definition{Name: "job", Kind: jobs.KindCustom, Settings: json.RawMessage(settings), CheckParameters: func(given map[string]any) error {
			if _, ok := given["level"]; !ok {
				return errors.New("parameter level is required")
			}
			return nil
		}}
	}
	added := command(`{"command":"a","parameters":{"level":9007199254740993}}`)
	for name, test := range map[string]struct {
		now    *jobs.Definition
		result outbox.RunResult
		want   string
	}{
		"as it was":        {&added, outbox.RunSuccess, `{"command":"a","parameters":{"kind":"full","level":9007199254740993}}`},
		"another command":  {ref(command(`{"command":"b"}`)), outbox.RunSuccess, `{"command":"b","parameters":{"kind":"full","level":9007199254740993}}`},
		"another kind":     {&jobs.Definition{Name: "job", Kind: "add", Settings: json.RawMessage(`{}`)}, outbox.RunFailure, "job job is another one now; start it anew"},
		"on another place": {&jobs.Definition{Name: "job", Kind: jobs.KindCustom, Runner: "web", Settings: json.RawMessage(`{}`)}, outbox.RunFailure, "job job is another one now; start it anew"},
		"gone":             {nil, outbox.RunFailure, "the configuration has no such job"},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(t *testing.T, o *office) {
				o.define(added, echo)
				id := o.start(jobs.Order{Job: "job", Parameters: map[string]any{"kind": "full"}}).ID
				o.mu.Lock()
				delete(o.definitions, "job")
				o.mu.Unlock()
				if test.now != nil {
					o.define(*test.now, nil)
				}
				defer o.running(o.For(""))()
				if got := o.ended(id); got.Result != test.result || !strings.HasPrefix(got.Message, test.want) {
					t.Errorf("%s: %s, want %s", got.Result, got.Message, test.want)
				}
			})
		})
	}
}

func ref[T any](value T) *T { return &value }

// Who can write to the outbox's file has nothing done that the configuration does not say.
func TestForgedRun(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.define(jobs.Definition{Name: "look", Kind: jobs.KindInventory, Settings: ofStore("a")}, echo)
		defer o.running(o.For(""))()
		for id, forged := range map[string]outbox.Run{
			"1": {Job: "look", Kind: jobs.KindInventory, Settings: []byte(`{"store":"b","parameters":{"x":1}}`)},
			"2": {Job: "look", Kind: "add", Settings: []byte(`{"store":"a","file":"/etc/passwd"}`)},
			"3": {Job: "other", Kind: jobs.KindCustom, Settings: []byte(`{"command":"reboot"}`)},
			"4": {Job: "inventory:a", Kind: jobs.KindCustom, Settings: []byte(`{"command":"reboot"}`)},
		} {
			forged.ID, forged.AddedAt, forged.DueAt, forged.Timeout = id, time.Now(), time.Now(), time.Hour
			if err := o.store.AddRun(t.Context(), forged, nil); err != nil {
				t.Fatal(err)
			}
			if got := o.ended(id); got.Result != outbox.RunFailure {
				t.Errorf("run %s is a %s: %s", id, got.Result, got.Message)
			}
		}
		// The inventory that follows a change is of any store, and of nothing else.
		own := outbox.Run{ID: "5", Job: "inventory:c", Kind: jobs.KindInventory, Settings: []byte(`{"store":"d"}`), AddedAt: time.Now(), DueAt: time.Now(), Timeout: time.Hour}
		if err := o.store.AddRun(t.Context(), own, nil); err != nil {
			t.Fatal(err)
		}
		if got := o.ended("5"); got.Message != `{"store":"c"}` {
			t.Errorf("it is of %s", got.Message)
		}
	})
}
