package mailbox_test

import (
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuer = "relay"

// keyOf is an agent's own signing key.
func keyOf(agent string) ed25519.PrivateKey {
	var seed [ed25519.SeedSize]byte
	copy(seed[:], agent)
	return ed25519.NewKeyFromSeed(seed[:])
}

func agent(t *testing.T, name string, mailboxes ...string) *mailbox.Agent {
	t.Helper()
	public := []ed25519.PublicKey{keyOf(name).Public().(ed25519.PublicKey)}
	verifier, err := mailbox.NewSignatureVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return &mailbox.Agent{Name: name, Verifier: verifier, SigningKeys: public, Mailboxes: mailboxes}
}

// fixture is a mailbox on a real outbox. Each of the agents web and batch has the
// mailboxes mail and post, and a folder.
type fixture struct {
	*mailbox.Mailbox
	store      *sqlite.Outbox
	web, batch *mailbox.Agent
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &fixture{store: store, web: agent(t, "web", "mail", "post"), batch: agent(t, "batch", "mail", "post")}
	agents := map[string]*mailbox.Agent{"web": f.web, "batch": f.batch}
	f.Mailbox, err = mailbox.New(mailbox.Options{
		Outbox: store, Issuer: issuer, Log: zerolog.Nop(),
		Agents: func(name string) *mailbox.Agent { return agents[name] },
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// envelope is that of a version; it differs from one delivery to the next.
func envelope(key outbox.Key, version int64) []byte {
	return fmt.Appendf(nil, "%s/%s/%s@%d", key.Agent, key.Destination, key.Secret, version)
}

func deliveries(secret string, places ...string) []outbox.Key {
	var out []outbox.Key
	for i := 0; i < len(places); i += 2 {
		out = append(out, outbox.Key{Agent: places[i], Destination: places[i+1], Secret: secret})
	}
	return out
}

// commit commits a version for the deliveries, which are all of one secret.
func (f *fixture) commit(t *testing.T, version int64, operation string, to ...outbox.Key) {
	t.Helper()
	secret := to[0].Secret
	change := outbox.Change{
		Source: "vault", EventID: fmt.Sprintf("%s#%d", secret, version), Secret: secret, Operation: operation, Version: version,
		ReceivedAt: time.Now(), Answer: []byte("{}"),
		Audit: audit.Entry{At: time.Now(), Kind: audit.EventAccepted, Actor: "source/vault", Secret: secret, Version: version},
	}
	for _, key := range to {
		sealed := outbox.Sealed{Agent: key.Agent, Destination: key.Destination, Statement: "statement of " + string(envelope(key, version))}
		if operation == "set" {
			sealed.Format, sealed.KeyID, sealed.Envelope = "age", "key", envelope(key, version)
		}
		change.Sealed = append(change.Sealed, sealed)
	}
	if err := f.store.Commit(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// settle claims all that is due and settles it as waiting, in mailboxes, or as
// delivered.
func (f *fixture) settle(t *testing.T) {
	t.Helper()
	claimed, err := f.store.Claim(t.Context(), time.Now().Add(time.Hour), 10_000, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range claimed {
		outcome := outbox.Outcome{Key: d.Key, Fence: d.Fence, Version: d.Version, State: outbox.Waiting, At: time.Now()}
		if d.Destination == "folder" {
			outcome.State = outbox.Delivered
			outcome.Audit = &audit.Entry{At: time.Now(), Kind: audit.DeliveryDelivered, Actor: "dispatcher"}
		}
		if _, err := f.store.Settle(t.Context(), outcome); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *fixture) get(t *testing.T, key outbox.Key) outbox.Delivery {
	t.Helper()
	d, err := f.store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// claimsOf are those of the right receipt of a version.
func claimsOf(key outbox.Key, version int64, operation string) receipt.Claims {
	from := statement.Claims{
		Issuer: issuer, Agent: key.Agent, Secret: key.Secret, Version: version, Operation: operation, Digest: statement.Digest(nil),
	}
	if operation == "set" {
		from.Digest = statement.Digest(envelope(key, version))
	}
	return receipt.For(from, time.Unix(1_780_000_000, 0), receipt.Done, "")
}

func sign(t *testing.T, by string, claims receipt.Claims) string {
	t.Helper()
	signer, err := receipt.NewSigner(keyOf(by))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
