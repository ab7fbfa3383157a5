package bundle

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

var agents = map[string][]ed25519.PublicKey{"other": {public(otherAgent)}, "plant": {public(agent)}, "without": nil}

// receiptFor is the receipt of a delivery by key, saying what change makes of it.
func receiptFor(t testing.TB, key ed25519.PrivateKey, token string, change func(*receipt.Claims)) Receipt {
	t.Helper()
	claims, err := statement.Verify(token, public(service))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := receipt.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	said := receipt.For(claims, madeAt, receipt.None, "")
	if change != nil {
		change(&said)
	}
	signed, err := signer.Sign(said)
	if err != nil {
		t.Fatal(err)
	}
	return Receipt{Statement: token, Receipt: signed}
}

func packReceipts(t testing.TB, key ed25519.PrivateKey, from, to string, receipts ...Receipt) []byte {
	t.Helper()
	data, err := (&Bundle{Manifest: Manifest{From: to, To: from, Destination: "hand"}}).PackReceipts(key, madeAt, receipts)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOpenReceiptsRefuses(t *testing.T) {
	token := state(t, "a", 3, nil).Statement
	good := receiptFor(t, agent, token, nil)
	if r, err := OpenReceipts(packReceipts(t, agent, "plant", "relay", good), "relay", public(service), agents); err != nil || len(r.Receipts) != 1 || r.From != "plant" {
		t.Fatalf("error is %v", err)
	}
	foreign := state(t, "a", 3, func(c *statement.Claims) { c.Agent = "other" }).Statement
	otherIssuer := state(t, "a", 3, func(c *statement.Claims) { c.Issuer = "other" }).Statement
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, ErrSignature},
		{"a bundle", mustPack(t, nil), ErrSignature},
		{"by a key of nobody", packReceipts(t, otherService, "plant", "relay", good), ErrSignature},
		{"by another agent's key", packReceipts(t, otherAgent, "plant", "relay", good), ErrSignature},
		{"of an agent without keys", packReceipts(t, agent, "without", "relay", good), ErrSignature},
		{"of an unknown agent", packReceipts(t, agent, "nobody", "relay", good), ErrSignature},
		{"for another service", packReceipts(t, agent, "plant", "elsewhere", good), ErrMismatch},
		{"cut", packReceipts(t, agent, "plant", "relay", good, good)[:1500], ErrDamaged},
		{"receipt by another agent", packReceipts(t, agent, "plant", "relay", receiptFor(t, otherAgent, token, nil)), receipt.ErrSignature},
		{"statement for another agent", packReceipts(t, agent, "plant", "relay", receiptFor(t, agent, foreign, nil)), statement.ErrMismatch},
		{"statement of another issuer", packReceipts(t, agent, "plant", "relay", receiptFor(t, agent, otherIssuer, nil)), statement.ErrMismatch},
		{"statement by nobody", packReceipts(t, agent, "plant", "relay", Receipt{Statement: "a.b.c", Receipt: good.Receipt}), statement.ErrSignature},
		{"another version", packReceipts(t, agent, "plant", "relay", receiptFor(t, agent, token, func(c *receipt.Claims) { c.Version = 4 })), receipt.ErrMismatch},
		{"another secret", packReceipts(t, agent, "plant", "relay", receiptFor(t, agent, token, func(c *receipt.Claims) { c.Secret = "b" })), receipt.ErrMismatch},
		{"another envelope", packReceipts(t, agent, "plant", "relay", receiptFor(t, agent, token, func(c *receipt.Claims) { c.Digest = statement.Digest(nil) })), receipt.ErrMismatch},
		{"another operation", packReceipts(t, agent, "plant", "relay", receiptFor(t, agent, token, func(c *receipt.Claims) { c.Operation = "delete" })), receipt.ErrMismatch},
	} {
		t.Run(test.name, func(t *testing.T) {
			if r, err := OpenReceipts(test.data, "relay", public(service), agents); r != nil || !errors.Is(err, test.want) {
				t.Errorf("error is %v, want %v", err, test.want)
			}
		})
	}
}

func openStore(t *testing.T) *sqlite.Outbox {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "data", "outbox.db"), sqlite.Options{Warn: func(m string) { t.Log(m) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// commit commits a version of a secret for a destination; token empty means
// that it is blocked.
func commit(t *testing.T, store outbox.Outbox, secret string, version int64, destination string, change func(*statement.Claims)) {
	t.Helper()
	d := state(t, secret, version, change)
	operation := "set"
	if d.Envelope == nil {
		operation = "delete"
	}
	sealed := outbox.Sealed{Agent: "plant", Destination: destination, Format: "age", KeyID: "key", Envelope: d.Envelope, Statement: d.Statement}
	if destination == "blocked" {
		sealed = outbox.Sealed{Agent: "plant", Destination: "hand", Blocked: "key expired"}
	}
	err := store.Commit(t.Context(), outbox.Change{
		Source: "s", EventID: secret + "@" + string(rune('0'+version)), Secret: secret, Operation: operation, Version: version, ReceivedAt: madeAt,
		Sealed: []outbox.Sealed{sealed}, Answer: []byte("{}"), Audit: audit.Entry{At: madeAt, Kind: audit.EventAccepted, Actor: "source/s"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A bundle has the wanted version of each secret of the destination, and not
// what must not be sent any more.
func TestCollect(t *testing.T) {
	store := openStore(t)
	commit(t, store, "a", 1, "hand", nil)
	commit(t, store, "a", 2, "hand", nil)
	commit(t, store, "b/c", 1, "hand", deleted)
	commit(t, store, "blocked", 1, "blocked", nil)
	commit(t, store, "elsewhere", 1, "other", nil)
	commit(t, store, "rerouted", 1, "hand", nil)
	commit(t, store, "rerouted", 2, "other", nil)
	deliveries, left, err := Collect(t.Context(), store, outbox.Destination{Agent: "plant", Destination: "hand"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"blocked", "rerouted"}, left); diff != "" {
		t.Errorf("left out differs (-want +got):\n%s", diff)
	}
	b := mustOpen(t, deliveries)
	if len(b.Deliveries) != 2 || b.Deliveries[0].Claims.Version != 2 || b.Deliveries[1].Claims.Operation != "delete" {
		t.Errorf("deliveries are %+v", b.Deliveries)
	}
}

func TestAcknowledge(t *testing.T) {
	store := openStore(t)
	commit(t, store, "a", 1, "hand", nil)
	commit(t, store, "d", 1, "hand", nil)
	deliveries, _, err := Collect(t.Context(), store, outbox.Destination{Agent: "plant", Destination: "hand"})
	if err != nil {
		t.Fatal(err)
	}
	receipts, _, err := mustOpen(t, deliveries).Apply(t.Context(), folderOf(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	// By the time that the receipts are back, a newer version is wanted of one.
	commit(t, store, "d", 2, "hand", nil)
	open := func(receipts ...Receipt) *Receipts {
		t.Helper()
		r, err := OpenReceipts(packReceipts(t, agent, "plant", "relay", receipts...), "relay", public(service), agents)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, want := range []Outcome{{Taken: 2}, {Known: 2}} {
		if done, err := open(receipts...).Acknowledge(t.Context(), store, "operator/me"); err != nil || done != want {
			t.Errorf("%+v (error %v), want %+v", done, err, want)
		}
	}
	for secret, want := range map[string]outbox.State{"a": outbox.Delivered, "d": outbox.Pending} {
		row, err := store.Get(t.Context(), outbox.Key{Agent: "plant", Destination: "hand", Secret: secret})
		if err != nil || row.State != want || row.DeliveredVersion != 1 || row.Receipt == "" {
			t.Errorf("%s: %+v (error %v)", secret, row, err)
		}
	}
	wantAudited(t, store, "a", "d")

	for name, token := range map[string]string{
		"unknown secret":   state(t, "nobody", 1, nil).Statement,
		"version to come":  state(t, "a", 2, nil).Statement,
		"sealed otherwise": state(t, "d", 2, func(c *statement.Claims) { c.KeyID = "other" }).Statement,
	} {
		t.Run(name, func(t *testing.T) {
			done, err := open(receiptFor(t, agent, token, nil)).Acknowledge(t.Context(), store, "operator/me")
			if !errors.Is(err, ErrUnknown) || done != (Outcome{}) {
				t.Errorf("%+v, error %v", done, err)
			}
		})
	}
	wantAudited(t, store, "a", "d")
}

// wantAudited checks that just these secrets have an audit row of a delivery.
func wantAudited(t *testing.T, store outbox.Outbox, secrets ...string) {
	t.Helper()
	var got []string
	err := store.Audit(t.Context(), 1, func(row audit.Row) error {
		var entry audit.Entry
		if err := json.Unmarshal(row.Entry, &entry); err != nil {
			return err
		}
		if entry.Kind != audit.DeliveryDelivered {
			return nil
		}
		got = append(got, entry.Secret)
		if entry.Actor != "agent/plant" || !strings.HasSuffix(entry.Detail, "operator/me") || entry.Destination != "hand" {
			t.Errorf("entry is %+v", entry)
		}
		return nil
	})
	if diff := cmp.Diff(secrets, got); err != nil || diff != "" {
		t.Errorf("audited (error %v, -want +got):\n%s", err, diff)
	}
}
