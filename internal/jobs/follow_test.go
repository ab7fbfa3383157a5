package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func ofStore(name string) json.RawMessage { return fmt.Appendf(nil, `{"store":%q}`, name) }

// A store that was changed is looked through: by the job of the configuration, or by one
// of its own.
func TestInventoryFollows(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		changes := func(store string, err error) jobs.Kind {
			return func(context.Context, jobs.Task) (jobs.Report, error) { return jobs.Report{Changed: store}, err }
		}
		o.define(jobs.Definition{Name: "a look elsewhere", Kind: jobs.KindInventory, Settings: ofStore("z")}, nil)
		o.define(jobs.Definition{Name: "look", Kind: jobs.KindInventory, Settings: ofStore("a")}, done("2 entries"))
		o.define(jobs.Definition{Name: "look@web", Kind: jobs.KindInventory, Settings: ofStore("c"), Runner: "web"}, nil)
		o.define(jobs.Definition{Name: "add a"}, changes("a", nil))
		o.define(jobs.Definition{Name: "add b"}, changes("b", errors.New("and then it was away")))
		o.define(jobs.Definition{Name: "add c", Runner: "web"}, changes("c", nil))
		o.define(jobs.Definition{Name: "add d", Runner: "web"}, changes("d", nil))
		var changed []string
		o.Changed = func(store string) { changed = append(changed, store) }
		defer o.running(o.For(""))()
		defer o.running(o.For("web"))()
		for job, follows := range map[string]string{"add a": "look", "add b": "inventory:b", "add c": "look@web", "add d": "inventory:d@web"} {
			changed := o.ended(o.start(jobs.Order{Job: job}).ID)
			runs := o.runs(outbox.RunFilter{Job: follows})
			if len(runs) != 1 {
				t.Fatalf("after %s there are %d runs of %s", job, len(runs), follows)
			}
			got := o.ended(runs[0].ID)
			if got.Result != outbox.RunSuccess || got.Kind != jobs.KindInventory || got.From != changed.ID || got.Trigger != outbox.ByChange || got.Runner != changed.Runner {
				t.Errorf("after %s: %+v", job, got)
			}
		}
		if slices.Sort(changed); !slices.Equal(changed, []string{"a", "b"}) {
			t.Errorf("told of changes of the service's stores %q", changed)
		}
		if err := o.InventoryAfter(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if got := o.runs(outbox.RunFilter{Job: "look", Limit: 1})[0]; got.From != "" || got.Trigger != outbox.ByChange {
			t.Errorf("after a change by an operator: %+v", got)
		}
	})
}

// An inventory says what differs from the one before.
func TestChangesAreTold(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		var lines []string
		o.define(jobs.Definition{Name: "look", Kind: jobs.KindInventory, Settings: ofStore("a")}, func(_ context.Context, task jobs.Task) (jobs.Report, error) {
			for _, line := range lines {
				if _, err := io.WriteString(task.Output, line+"\n"); err != nil {
					return jobs.Report{}, err
				}
			}
			if len(lines) > 0 && lines[0] == `{"alias":"broken off"}` {
				return jobs.Report{}, errors.New("broke off")
			}
			return jobs.Report{Message: fmt.Sprintf("%d entries", len(lines))}, nil
		})
		defer o.running(o.For(""))()
		for _, step := range []struct {
			want  string
			lines []string
		}{
			{"2 entries", []string{`{"alias":"a","fingerprint":"1"}`, `{"alias":"b","fingerprint":"1"}`}},
			{"2 entries", []string{`{"alias":"b","fingerprint":"1","expired":true}`, `{"alias":"a","fingerprint":"1","policy":"expired"}`}}, // as time goes by
			{
				"3 entries; since the last time: 2 added (c, d), 1 changed (a), 1 vanished (b)",
				[]string{`{"alias":"a","fingerprint":"2"}`, `{"alias":"c"}`, `{"alias":"d"}`},
			},
			{"3 entries", []string{`{"alias":"a","problem":"timed out"}`, `{"alias":"c"}`, `{"alias":"d"}`}}, // what is not known has not changed
			{"broke off", []string{`{"alias":"broken off"}`}},
			{"2 entries; since the last time: 1 vanished (d)", []string{`{"alias":"a","fingerprint":"3"}`, `{"alias":"c"}`}}, // compared with the last that was whole
			{
				"8 entries; since the last time: 7 added (1, 2, 3, 4, 5, ...), 1 changed (c), 1 vanished (a)",
				[]string{`{"alias":"c","disabled":true}`, `{"alias":"1"}`, `{"alias":"2"}`, `{"alias":"3"}`, `{"alias":"4"}`, `{"alias":"5"}`, `{"alias":"6"}`, `{"alias":"7"}`},
			},
		} {
			lines = step.lines
			if got := o.ended(o.start(jobs.Order{Job: "look"}).ID); got.Message != step.want {
				t.Errorf("the message is %q, want %q", got.Message, step.want)
			}
		}
		// The same job of another store has nothing to compare with.
		o.define(jobs.Definition{Name: "look", Kind: jobs.KindInventory, Settings: ofStore("b")}, nil)
		lines = []string{`{"alias":"x"}`}
		if got := o.ended(o.start(jobs.Order{Job: "look"}).ID); got.Message != "1 entries" {
			t.Errorf("the message is %q", got.Message)
		}
	})
}
