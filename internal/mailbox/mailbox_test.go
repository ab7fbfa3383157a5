package mailbox_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func (f *fixture) list(t *testing.T, agent *mailbox.Agent, after string) wire.Mailbox {
	t.Helper()
	box, err := f.List(t.Context(), agent, after, 0)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// texts are the entries without their IDs.
func texts(entries []wire.MailboxEntry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, fmt.Sprintf("%s %s@%d", e.Operation, e.Secret, e.Version))
	}
	return out
}

func idOf(t *testing.T, box wire.Mailbox, secret string) string {
	t.Helper()
	for _, e := range box.Entries {
		if e.Secret == secret {
			return e.ID
		}
	}
	t.Fatalf("%s is not among %v", secret, texts(box.Entries))
	return ""
}

func TestListAndFetch(t *testing.T) {
	f := newFixture(t)
	db, api := deliveries("prod/db", "web", "mail", "web", "folder"), deliveries("prod/api", "web", "post")
	f.commit(t, 1, "set", db...)
	if entries := f.list(t, f.web, "").Entries; len(entries) != 0 || entries == nil {
		t.Errorf("before it waits there is %v", entries)
	}
	f.settle(t)
	f.commit(t, 1, "set", api...)
	f.commit(t, 2, "delete", api...)
	f.settle(t)
	box := f.list(t, f.web, "")
	if got := texts(box.Entries); !slices.Equal(got, []string{"set prod/db@1", "delete prod/api@2"}) || box.Next != "" {
		t.Errorf("listed %v, next %q", got, box.Next)
	}
	for i, want := range []wire.Delivery{
		{Envelope: envelope(db[0], 1), Statement: "statement of web/mail/prod/db@1"},
		{Statement: "statement of web/post/prod/api@2"},
	} {
		got, err := f.Fetch(t.Context(), f.web, box.Entries[i].ID)
		if err != nil || string(got.Envelope) != string(want.Envelope) || got.Statement != want.Statement {
			t.Errorf("entry %d: fetched %+v, %v", i, got, err)
		}
	}
	id := idOf(t, box, "prod/db")
	f.commit(t, 2, "set", db...)
	if _, err := f.Fetch(t.Context(), f.web, id); !errors.Is(err, mailbox.ErrNoEntry) {
		t.Errorf("before the newer version waits: %v", err)
	}
	f.settle(t)
	if now := idOf(t, f.list(t, f.web, ""), "prod/db"); now != id {
		t.Errorf("the ID changed from %s to %s", id, now)
	}
	if got, err := f.Fetch(t.Context(), f.web, id); err != nil || string(got.Envelope) != string(envelope(db[0], 2)) {
		t.Errorf("fetched %+v, %v", got, err)
	}
}

// TestOwnAlone: all pairs of two agents with the same mailboxes and secrets.
func TestOwnAlone(t *testing.T) {
	f := newFixture(t)
	var all []outbox.Key
	for _, secret := range []string{"prod/db", "prod/api"} {
		to := deliveries(secret, "web", "mail", "web", "post", "batch", "mail")
		f.commit(t, 1, "set", to...)
		all = append(all, to...)
	}
	// The one that only batch has.
	own := deliveries("prod/batch", "batch", "post")
	f.commit(t, 1, "set", own...)
	f.settle(t)
	boxes := map[*mailbox.Agent]wire.Mailbox{f.web: f.list(t, f.web, ""), f.batch: f.list(t, f.batch, "")}
	if len(boxes[f.web].Entries) != 4 || len(boxes[f.batch].Entries) != 3 {
		t.Fatalf("listed %v", boxes)
	}
	for asking := range boxes {
		for owner, box := range boxes {
			for _, e := range box.Entries {
				got, err := f.Fetch(t.Context(), asking, e.ID)
				if err == nil && string(got.Envelope[:len(asking.Name)+1]) != asking.Name+"/" {
					t.Errorf("%s got %s by an ID of %s", asking.Name, got.Envelope, owner.Name)
				}
				if asking == owner && err != nil {
					t.Errorf("%s: %v", e.Secret, err)
				}
				if asking != owner && e.Secret == "prod/batch" && !errors.Is(err, mailbox.ErrNoEntry) {
					t.Errorf("%s got %v by an ID of %s", asking.Name, err, owner.Name)
				}
			}
		}
	}
	// And each receipt, under each ID, from each agent.
	for _, of := range append(all, own...) {
		token := sign(t, of.Agent, claimsOf(of, 1, "set"))
		for asking, box := range boxes {
			for _, e := range box.Entries {
				_, err := f.Acknowledge(t.Context(), asking, e.ID, token)
				if asking.Name != of.Agent && !errors.Is(err, mailbox.ErrForged) {
					t.Errorf("%s acknowledged with a receipt of %v: %v", asking.Name, of, err)
				}
			}
		}
		if d := f.get(t, of); d.Receipt != token || d.State != outbox.Delivered {
			t.Errorf("%v has receipt %q and is %s", of, d.Receipt, d.State)
		}
	}
}

func TestForeignIDs(t *testing.T) {
	f := newFixture(t)
	f.commit(t, 1, "set", deliveries("prod/db", "web", "mail", "web", "folder")...)
	f.settle(t)
	encode := base64.RawURLEncoding.EncodeToString
	for name, id := range map[string]string{
		"empty":         "",
		"not base64":    "%%",
		"padded":        base64.URLEncoding.EncodeToString([]byte("mail\x00prod/dbx")),
		"stray bits":    encode([]byte("mail\x00prod/db"))[:16] + "_",
		"line break":    encode([]byte("mail\x00prod/db")) + "\n",
		"no secret":     encode([]byte("mail")),
		"empty secret":  encode([]byte("mail\x00")),
		"no name":       encode([]byte("mail\x00../db")),
		"folder":        encode([]byte("folder\x00prod/db")),
		"other mailbox": encode([]byte("post\x00prod/db")),
		"other secret":  encode([]byte("mail\x00prod/d")),
		"agent in it":   encode([]byte("web\x00mail\x00prod/db")),
	} {
		if _, err := f.Fetch(t.Context(), f.web, id); !errors.Is(err, mailbox.ErrNoEntry) {
			t.Errorf("%s: fetched, %v", name, err)
		}
		token := sign(t, "web", claimsOf(deliveries("prod/db", "web", "mail")[0], 1, "set"))
		if _, err := f.Acknowledge(t.Context(), f.web, id, token); !errors.Is(err, mailbox.ErrNoEntry) && !errors.Is(err, mailbox.ErrForged) {
			t.Errorf("%s: acknowledged, %v", name, err)
		}
	}
	if _, err := f.List(t.Context(), f.web, encode([]byte("folder\x00a")), 0); !errors.Is(err, mailbox.ErrNoEntry) {
		t.Errorf("listed behind another's: %v", err)
	}
}

// TestSuperseded: a version is not given out after a newer commit, even if that
// had no copy for the agent.
func TestSuperseded(t *testing.T) {
	f := newFixture(t)
	both := deliveries("prod/db", "web", "mail", "batch", "mail")
	f.commit(t, 1, "set", both...)
	f.settle(t)
	id := idOf(t, f.list(t, f.batch, ""), "prod/db")
	f.commit(t, 2, "set", both[0])
	if entries := f.list(t, f.batch, "").Entries; len(entries) != 0 {
		t.Errorf("listed %v", entries)
	}
	if _, err := f.Fetch(t.Context(), f.batch, id); !errors.Is(err, mailbox.ErrNoEntry) {
		t.Errorf("fetched, %v", err)
	}
}

func TestPages(t *testing.T) {
	f := newFixture(t)
	const secrets = 2*wire.MaxMailboxPage + 100
	want := map[string]bool{}
	for i := range secrets {
		to := deliveries(fmt.Sprintf("prod/%04d", i), "web", []string{"mail", "post"}[i%2])
		f.commit(t, 1, "set", to...)
		want[to[0].Secret] = true
	}
	f.settle(t)
	pages, after := 0, ""
	for {
		box := f.list(t, f.web, after)
		pages++
		for _, e := range box.Entries {
			if !want[e.Secret] {
				t.Fatalf("%s is listed again", e.Secret)
			}
			delete(want, e.Secret)
		}
		if after = box.Next; after == "" {
			break
		}
	}
	if pages != 3 || len(want) != 0 {
		t.Errorf("%d pages, %d secrets are missing", pages, len(want))
	}
}

// TestPaused: an operator's pause holds what waits already, and ends with it.
func TestPaused(t *testing.T) {
	for name, tc := range map[string]struct {
		at   outbox.Destination
		want []string
	}{
		"the agent":         {outbox.Destination{Agent: "web"}, nil},
		"one destination":   {outbox.Destination{Agent: "web", Destination: "mail"}, []string{"set prod/api@1"}},
		"another of it":     {outbox.Destination{Agent: "web", Destination: "folder"}, []string{"set prod/db@1", "set prod/api@1"}},
		"another agent's":   {outbox.Destination{Agent: "batch"}, []string{"set prod/db@1", "set prod/api@1"}},
		"the other mailbox": {outbox.Destination{Agent: "web", Destination: "post"}, []string{"set prod/db@1"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.commit(t, 1, "set", deliveries("prod/db", "web", "mail")...)
			f.commit(t, 1, "set", deliveries("prod/api", "web", "post")...)
			f.settle(t)
			all := f.list(t, f.web, "").Entries
			entry := audit.Entry{At: time.Now(), Kind: audit.DeliveryRetried, Actor: "operator/ann"}
			if done, err := f.store.Pause(t.Context(), tc.at, entry); !done || err != nil {
				t.Fatalf("paused %t, %v", done, err)
			}
			listed := f.list(t, f.web, "").Entries
			if got := texts(listed); !slices.Equal(got, tc.want) {
				t.Errorf("listed %v, want %v", got, tc.want)
			}
			for _, e := range all {
				_, err := f.Fetch(t.Context(), f.web, e.ID)
				if is := slices.Contains(listed, e); is && err != nil || !is && !errors.Is(err, mailbox.ErrNoEntry) {
					t.Errorf("%s is listed: %t, fetched with %v", e.Secret, is, err)
				}
			}
			if n, err := f.store.Resume(t.Context(), tc.at, entry); n != 1 || err != nil {
				t.Fatalf("resumed %d, %v", n, err)
			}
			if got := texts(f.list(t, f.web, "").Entries); len(got) != 2 {
				t.Errorf("listed %v", got)
			}
		})
	}
}
