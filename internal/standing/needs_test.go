package standing_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// held is a table with what is held.
type held struct {
	table
	holds []outbox.Hold
}

func (h held) Holds(context.Context) ([]outbox.Hold, error) { return h.holds, nil }

func newKey(t *testing.T) *agentkeys.Key {
	t.Helper()
	_, public, err := keys.Generate("age")
	if err != nil {
		t.Fatal(err)
	}
	key, err := agentkeys.NewKey([]byte(public), agentkeys.Requirements{})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestNeeds(t *testing.T) {
	web, batch := newKey(t), newKey(t)
	routes := func(source, secret string) []agentkeys.Target {
		if secret == "unrouted" {
			return nil
		}
		if source != "vault" && secret != "nobody" {
			t.Errorf("secret %s is of source %q", secret, source)
		}
		return []agentkeys.Target{
			{Agent: "batch", Destination: "folder", Key: batch},
			{Agent: "web", Destination: "folder", Key: web},
		}
	}
	good := func(agent string, version int64) outbox.Copy {
		c := copied(agent, web.ID, version)
		c.Format = "age"
		if agent == "batch" {
			c.KeyID = batch.ID
		}
		return c
	}
	bad := func(agent string, change func(*outbox.Copy)) outbox.Copy {
		c := good(agent, 3)
		change(&c)
		return c
	}
	gone := secret("gone", 3)
	gone.Deleted = true
	foreign := good("other", 2)
	foreign.Source = "old"
	store := held{table: table{
		secret("blocked", 3, good("batch", 3), bad("web", func(c *outbox.Copy) { c.State, c.Reason = outbox.Blocked, "expired" })),
		secret("dead", 3, bad("batch", func(c *outbox.Copy) { c.State = outbox.Dead }), good("web", 3)),
		secret("format", 3, bad("batch", func(c *outbox.Copy) { c.Format = "jwe" }), good("web", 3)),
		gone,
		secret("good", 3, good("batch", 3), good("web", 3)),
		secret("key", 3, bad("batch", func(c *outbox.Copy) { c.KeyID = web.ID }), good("web", 3)),
		secret("missing", 3, foreign, good("web", 3)),
		secret("nobody", 3),
		secret("older", 3, good("batch", 2), good("web", 3)),
		secret("unrouted", 3, good("batch", 2)),
	}}
	lack := func(agent, why string) []standing.Lack {
		return []standing.Lack{{Destination: outbox.Destination{Agent: agent, Destination: "folder"}, Why: why}}
	}
	need := func(secret string, lacks []standing.Lack) standing.Need {
		return standing.Need{Secret: secret, Version: 3, ReceivedAt: replaced, Source: "vault", For: lacks}
	}
	nobody := need("nobody", append(lack("batch", "has no copy"), lack("web", "has no copy")...))
	nobody.Source = ""
	check := func(filter outbox.SecretFilter, want ...standing.Need) {
		t.Helper()
		var got []standing.Need
		if err := standing.Needs(t.Context(), store, filter, routes, func(n standing.Need) { got = append(got, n) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("needs (-want +got):\n%s", diff)
		}
	}
	blockedNeed := need("blocked", lack("web", "blocked: expired"))
	check(outbox.SecretFilter{}, blockedNeed,
		need("format", lack("batch", "is sealed in another format than the agent wants now")),
		need("key", lack("batch", "is sealed for another key than the agent has now")),
		need("missing", lack("batch", "has no copy")), nobody,
		need("older", lack("batch", "has no copy of version 3, only of 2")))
	check(outbox.SecretFilter{Name: "key"}, need("key", lack("batch", "is sealed for another key than the agent has now")))
	store.holds = []outbox.Hold{
		{Destination: outbox.Destination{Agent: "batch"}, Quarantined: time.Now()},
		{Destination: outbox.Destination{Agent: "web"}, Paused: time.Now()}, // A pause is no reason not to seal.
	}
	nobody.For = nobody.For[1:]
	check(outbox.SecretFilter{}, blockedNeed, nobody)
}

func (broken) Holds(context.Context) ([]outbox.Hold, error) { return nil, errDisk }

// halfBroken knows what is held and nothing else.
type halfBroken struct{ broken }

func (halfBroken) Holds(context.Context) ([]outbox.Hold, error) { return nil, nil }

func TestNeedsWithoutOutbox(t *testing.T) {
	for _, store := range []standing.QuarantineStore{broken{}, halfBroken{}} {
		err := standing.Needs(t.Context(), store, outbox.SecretFilter{}, nil, func(standing.Need) {})
		if !errors.Is(err, errDisk) {
			t.Errorf("error %v", err)
		}
	}
}
