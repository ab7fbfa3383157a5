package mailbox_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// entries are the audit rows.
func (f *fixture) entries(t *testing.T) []audit.Entry {
	t.Helper()
	var out []audit.Entry
	err := f.store.Audit(t.Context(), 1, func(row audit.Row) error {
		var entry audit.Entry
		err := json.Unmarshal(row.Entry, &entry)
		out = append(out, entry)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAcknowledge(t *testing.T) {
	for _, operation := range []string{"set", "delete"} {
		t.Run(operation, func(t *testing.T) {
			f := newFixture(t)
			to := deliveries("prod/db", "web", "mail")
			f.commit(t, 1, operation, to...)
			f.settle(t)
			id := idOf(t, f.list(t, f.web, ""), "prod/db")
			token := sign(t, "web", claimsOf(to[0], 1, operation))
			for _, want := range []wire.ReceiptStatus{wire.ReceiptTaken, wire.ReceiptKnown, wire.ReceiptKnown} {
				status, err := f.Acknowledge(t.Context(), f.web, id, token)
				if err != nil || status != want {
					t.Errorf("got %q, %v, want %q", status, err, want)
				}
			}
			if d := f.get(t, to[0]); d.State != outbox.Delivered || d.DeliveredVersion != 1 || d.Receipt != token {
				t.Errorf("the row is %+v", d)
			}
			if entries := f.list(t, f.web, "").Entries; len(entries) != 0 {
				t.Errorf("listed %v", entries)
			}
			rows := f.entries(t)
			last := rows[len(rows)-1]
			if len(rows) != 2 || last.Kind != audit.DeliveryDelivered || last.Actor != "agent/web" || last.Version != 1 ||
				last.Destination != "mail" || last.EventID != "prod/db#1" || !strings.HasSuffix(last.Detail, "action done") {
				t.Errorf("%d audit rows, the last is %+v", len(rows), last)
			}
		})
	}
}

// TestRefusedReceipts: each refusal has its class and changes nothing.
func TestRefusedReceipts(t *testing.T) {
	to := deliveries("prod/db", "web", "mail")[0]
	edited := func(edit func(*receipt.Claims)) receipt.Claims {
		claims := claimsOf(to, 2, "set")
		edit(&claims)
		return claims
	}
	right := claimsOf(to, 2, "set")
	statements, err := statement.NewSigner(keyOf("web"), issuer)
	if err != nil {
		t.Fatal(err)
	}
	stated, err := statements.Sign(statement.Claims{
		Agent: "web", Secret: "prod/db", Version: 2, Operation: "set", Format: "age", KeyID: "key", Digest: right.Digest, IssuedAt: right.AppliedAt,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		token string
		want  error
	}{
		"empty":             {"", mailbox.ErrForged},
		"no token":          {"a.b.c", mailbox.ErrForged},
		"long":              {strings.Repeat("a", 5000), mailbox.ErrForged},
		"another's key":     {sign(t, "batch", right), mailbox.ErrForged},
		"cut":               {strings.TrimSuffix(sign(t, "web", right), "A")[:100], mailbox.ErrForged},
		"statement":         {stated, mailbox.ErrForged},
		"another agent":     {sign(t, "web", edited(func(c *receipt.Claims) { c.Agent = "batch" })), mailbox.ErrMismatch},
		"another service":   {sign(t, "web", edited(func(c *receipt.Claims) { c.Service = "else" })), mailbox.ErrMismatch},
		"another secret":    {sign(t, "web", edited(func(c *receipt.Claims) { c.Secret = "prod/api" })), mailbox.ErrMismatch},
		"another operation": {sign(t, "web", edited(func(c *receipt.Claims) { c.Operation = "delete" })), mailbox.ErrMismatch},
		"another envelope":  {sign(t, "web", edited(func(c *receipt.Claims) { c.Digest = statement.Digest(nil) })), mailbox.ErrMismatch},
		"future":            {sign(t, "web", edited(func(c *receipt.Claims) { c.Version = 3 })), mailbox.ErrMismatch},
		"late":              {sign(t, "web", claimsOf(to, 1, "set")), mailbox.ErrLate},
		"late, of another":  {sign(t, "web", edited(func(c *receipt.Claims) { c.Version, c.Secret = 1, "prod/api" })), mailbox.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.commit(t, 1, "set", to)
			f.commit(t, 2, "set", to)
			f.settle(t)
			id, before := idOf(t, f.list(t, f.web, ""), "prod/db"), f.get(t, to)
			for _, state := range []outbox.State{outbox.Waiting, outbox.Delivered} {
				if status, err := f.Acknowledge(t.Context(), f.web, id, tc.token); !errors.Is(err, tc.want) || status != "" {
					t.Errorf("%s: got %q, %v, want %v", state, status, err, tc.want)
				}
				after := f.get(t, to)
				if after.State != before.State || after.Receipt != before.Receipt || after.DeliveredVersion != before.DeliveredVersion || !after.UpdatedAt.Equal(before.UpdatedAt) {
					t.Errorf("%s: the row was %+v and is %+v", state, before, after)
				}
				if rows := f.entries(t); len(rows) != 2 && state == outbox.Waiting {
					t.Errorf("%d audit rows", len(rows))
				}
				// Once more when the right one was taken.
				if _, err := f.Acknowledge(t.Context(), f.web, id, sign(t, "web", right)); err != nil {
					t.Fatal(err)
				}
				before = f.get(t, to)
			}
		})
	}
}

// TestOlderReceiptIsKnown: the receipt of what is there is known still when a
// newer version waits.
func TestOlderReceiptIsKnown(t *testing.T) {
	f := newFixture(t)
	to := deliveries("prod/db", "web", "mail")
	f.commit(t, 1, "set", to...)
	f.settle(t)
	id, token := idOf(t, f.list(t, f.web, ""), "prod/db"), sign(t, "web", claimsOf(to[0], 1, "set"))
	if _, err := f.Acknowledge(t.Context(), f.web, id, token); err != nil {
		t.Fatal(err)
	}
	f.commit(t, 2, "set", to...)
	f.settle(t)
	if status, err := f.Acknowledge(t.Context(), f.web, id, token); err != nil || status != wire.ReceiptKnown {
		t.Errorf("got %q, %v", status, err)
	}
	if d := f.get(t, to[0]); d.State != outbox.Waiting || d.Version != 2 {
		t.Errorf("the row is %+v", d)
	}
}

func TestBlockedIsNotAcknowledged(t *testing.T) {
	f := newFixture(t)
	to := deliveries("prod/db", "web", "mail")
	f.commit(t, 1, "set", to...)
	f.settle(t)
	id := idOf(t, f.list(t, f.web, ""), "prod/db")
	err := f.store.Commit(t.Context(), outbox.Change{
		Source: "vault", EventID: "blocked", Secret: "prod/db", Operation: "set", Version: 2,
		Sealed: []outbox.Sealed{{Agent: "web", Destination: "mail", Blocked: "certificate expired"}},
		Answer: []byte("{}"), Audit: audit.Entry{Kind: audit.EventAccepted, Actor: "source/vault"},
	})
	if err != nil {
		t.Fatal(err)
	}
	claims := claimsOf(to[0], 2, "set")
	claims.Digest = statement.Digest(nil)
	if _, err := f.Acknowledge(t.Context(), f.web, id, sign(t, "web", claims)); !errors.Is(err, mailbox.ErrMismatch) {
		t.Errorf("acknowledged, %v", err)
	}
	if entries := f.list(t, f.web, "").Entries; len(entries) != 0 {
		t.Errorf("listed %v", entries)
	}
}

// TestReport: receipts that come after what was pushed.
func TestReport(t *testing.T) {
	f := newFixture(t)
	to := deliveries("prod/db", "web", "folder", "web", "mail", "batch", "folder")
	f.commit(t, 1, "set", to...)
	token := sign(t, "web", claimsOf(to[0], 1, "set"))
	report := func(agent *mailbox.Agent, token string, want wire.ReceiptStatus, refusal error) {
		t.Helper()
		if status, err := f.Report(t.Context(), agent, token); status != want || !errors.Is(err, refusal) {
			t.Errorf("got %q, %v, want %q, %v", status, err, want, refusal)
		}
	}
	report(f.web, token, "", mailbox.ErrNotDelivered)
	f.settle(t)
	report(f.batch, token, "", mailbox.ErrForged)
	report(f.web, sign(t, "batch", claimsOf(to[2], 1, "set")), "", mailbox.ErrForged)
	report(f.web, sign(t, "web", claimsOf(to[2], 1, "set")), "", mailbox.ErrMismatch)
	report(f.web, sign(t, "web", claimsOf(to[0], 2, "set")), "", mailbox.ErrNotDelivered)
	// What waits in the mailbox is acknowledged there.
	report(f.web, sign(t, "web", claimsOf(to[1], 1, "set")), "", mailbox.ErrMismatch)
	at := f.get(t, to[0]).DeliveredAt
	report(f.web, token, wire.ReceiptTaken, nil)
	report(f.web, token, wire.ReceiptKnown, nil)
	if d := f.get(t, to[0]); d.Receipt != token || !d.DeliveredAt.Equal(at) {
		t.Errorf("the row is %+v", d)
	}
	if d := f.get(t, to[2]); d.Receipt != "" {
		t.Errorf("the other agent's row has a receipt")
	}
	f.commit(t, 2, "delete", to...)
	f.settle(t)
	report(f.web, token, "", mailbox.ErrLate)
	gone := sign(t, "web", claimsOf(to[0], 2, "delete"))
	report(f.web, gone, wire.ReceiptTaken, nil)
	if d := f.get(t, to[1]); d.State != outbox.Waiting {
		t.Errorf("what waits is %s by the receipt of another delivery", d.State)
	}
	report(f.web, sign(t, "web", claimsOf(deliveries("prod/none", "web", "folder")[0], 1, "set")), "", mailbox.ErrNotDelivered)
}
