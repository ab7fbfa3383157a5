package standing_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

var replaced = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// table is a store of what it has, two secrets to a page.
type table []outbox.Copies

func (t table) Copies(_ context.Context, filter outbox.SecretFilter) ([]outbox.Copies, error) {
	at := slices.IndexFunc(t, func(c outbox.Copies) bool {
		return c.Secret > filter.After && (filter.Name == "" || c.Secret == filter.Name)
	})
	switch {
	case at < 0:
		return nil, nil
	case filter.Name != "":
		return t[at : at+1], nil
	}
	return t[at:min(at+2, len(t))], nil
}

// secret is one at that version with these copies.
func secret(name string, version int64, copies ...outbox.Copy) outbox.Copies {
	return outbox.Copies{Secret: name, Version: version, ReceivedAt: replaced, Copies: copies}
}

// copied is a delivered copy for the agent.
func copied(agent, key string, version int64) outbox.Copy {
	return outbox.Copy{
		At: outbox.Destination{Agent: agent, Destination: "folder"}, State: outbox.Delivered,
		Version: version, DeliveredVersion: version, KeyID: key, Source: "vault", Opens: true,
	}
}

// blocked is a copy that was blocked after one that was delivered.
func blocked(agent, key string, version int64) outbox.Copy {
	c := copied(agent, key, version)
	c.State, c.DeliveredVersion, c.Reason = outbox.Blocked, version-1, "key fails the policy"
	c.Opens = version > 1
	return c
}

func TestExposure(t *testing.T) {
	gone := secret("gone", 3, copied("web", "k", 3))
	gone.Deleted = true
	unrouted := secret("gone2", 3, copied("web", "k", 2))
	unrouted.Deleted = true
	store := table{
		secret("a", 2, copied("batch", "b", 2), copied("web", "k", 2)),
		secret("b", 4, blocked("web", "k", 4)),
		secret("c", 1, blocked("web", "k", 1)),
		secret("d", 5, copied("batch", "b", 5)),
		secret("e", 7, copied("batch", "shared", 7), copied("web", "shared", 6)),
		secret("f", 1, copied("batch", "shared", 1), copied("jobs", "shared", 1)),
		gone, unrouted,
	}
	got, err := standing.Exposure(t.Context(), store, "web")
	if err != nil {
		t.Fatal(err)
	}
	want := []standing.Exposed{
		{Secret: "a", Opens: 2, Version: 2, ReplacedAt: replaced},
		{Secret: "b", Opens: 3, Version: 4, ReplacedAt: replaced, Replaced: true},
		{Secret: "e", Opens: 7, Version: 7, ReplacedAt: replaced, Shared: []string{"batch"}},
		{Secret: "f", Opens: 1, Version: 1, ReplacedAt: replaced, Shared: []string{"batch", "jobs"}},
		{Secret: "gone", Opens: 2, Version: 3, ReplacedAt: replaced, Deleted: true, Replaced: true},
		{Secret: "gone2", Opens: 2, Version: 3, ReplacedAt: replaced, Deleted: true, Replaced: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exposure (-want +got):\n%s", diff)
	}
	if got, err := standing.Exposure(t.Context(), store, "nobody"); err != nil || got == nil || len(got) != 0 {
		t.Errorf("exposure of an agent that has nothing: %v, %v", got, err)
	}
}

type broken struct{}

var errDisk = errors.New("disk on fire")

func (broken) Copies(context.Context, outbox.SecretFilter) ([]outbox.Copies, error) {
	return nil, errDisk
}

func TestExposureWithoutOutbox(t *testing.T) {
	if _, err := standing.Exposure(t.Context(), broken{}, "web"); !errors.Is(err, errDisk) {
		t.Errorf("error %v", err)
	}
}
