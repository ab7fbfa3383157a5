// Package delivertest has the conformance suite of destinations: what every
// kind promises, whatever it writes to.
package delivertest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Target is a fresh destination and the agent's view of it.
type Target struct {
	Destination deliver.Destination
	// Read is what the agent finds of a secret: envelope and statement, nil
	// or empty for what is not there.
	Read func(secret string) (envelope []byte, statement string, err error)
	// Stray lists what is there beside envelopes and statements.
	Stray func() ([]string, error)
}

// The number of versions that the test Shuffled delivers, and that of a short run.
const shuffled, shuffledShort = 10_000, 1000

// Run runs the suite. open is called for each test.
func Run(t *testing.T, open func(t *testing.T) Target) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Target)
	}{
		{"Set", set},
		{"Again", again},
		{"NewerReplaces", newerReplaces},
		{"OlderDoesNothing", olderDoesNothing},
		{"Shuffled", shuffledEndsAtNewest},
		{"Delete", deleted},
		{"DeleteIsNotUndone", deleteIsNotUndone},
		{"SetAfterDelete", setAfterDelete},
		{"FormatChanges", formatChanges},
		{"Cancelled", cancelled},
		{"ManyAtOnce", manyAtOnce},
		{"OneSecretAtOnce", oneSecretAtOnce},
		{"Verify", verified},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := open(t)
			test.run(t, target)
			stray, err := target.Stray()
			if err != nil || len(stray) != 0 {
				t.Errorf("left behind %q (error %v)", stray, err)
			}
		})
	}
}

var signer = sync.OnceValues(func() (*statement.Signer, error) {
	return statement.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), "delivertest")
})

// Epoch is when version 0 was sealed; each version follows a second later.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Set is the delivery of a version of a secret in format age, with an envelope
// of size bytes that tells its version.
func Set(t testing.TB, secret string, version int64, size int) outbox.Delivery {
	t.Helper()
	mark := fmt.Appendf(nil, "%s@%d ", secret, version)
	envelope := bytes.Repeat(mark, size/len(mark)+1)
	return sign(t, outbox.Delivery{
		Key: keyOf(secret), Operation: "set", Version: version, Format: "age", KeyID: "key", Envelope: envelope,
	})
}

// Delete is the delivery of a version that deletes the secret.
func Delete(t testing.TB, secret string, version int64) outbox.Delivery {
	t.Helper()
	return sign(t, outbox.Delivery{Key: keyOf(secret), Operation: "delete", Version: version, Format: "age", KeyID: "key"})
}

// InFormat is the same delivery in another format.
func InFormat(t testing.TB, d outbox.Delivery, format string) outbox.Delivery {
	t.Helper()
	d.Format = format
	return sign(t, d)
}

func keyOf(secret string) outbox.Key {
	return outbox.Key{Agent: "agent", Destination: "destination", Secret: secret}
}

func sign(t testing.TB, d outbox.Delivery) outbox.Delivery {
	t.Helper()
	s, err := signer()
	if err != nil {
		t.Fatal(err)
	}
	d.Statement, err = s.Sign(statement.Claims{
		Agent: d.Agent, Secret: d.Secret, Version: d.Version, Operation: d.Operation, Format: d.Format, KeyID: d.KeyID,
		Digest: statement.Digest(d.Envelope), IssuedAt: Epoch.Add(time.Duration(d.Version) * time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (target Target) deliver(t *testing.T, deliveries ...outbox.Delivery) {
	t.Helper()
	for _, d := range deliveries {
		if _, err := target.Destination.Deliver(t.Context(), d); err != nil {
			t.Fatalf("%s of %s version %d: %v", d.Operation, d.Secret, d.Version, err)
		}
	}
}

// want checks that exactly this delivery is what the agent finds.
func (target Target) want(t *testing.T, d outbox.Delivery) {
	t.Helper()
	envelope, signed, err := target.Read(d.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(envelope, d.Envelope) {
		t.Errorf("%s: the envelope there has %d bytes and begins %.20q, want that of version %d", d.Secret, len(envelope), envelope, d.Version)
	}
	if signed != d.Statement {
		t.Errorf("%s: the statement there is not that of version %d", d.Secret, d.Version)
	}
}

func set(t *testing.T, target Target) {
	for _, secret := range []string{"plain", "prod/db/orders", "with space/and-._@+=,~all", "A", "a.js7", "a.age"} {
		d := Set(t, secret, 1, 100)
		target.deliver(t, d)
		target.want(t, d)
	}
}

func again(t *testing.T, target Target) {
	d := Set(t, "prod/db", 1, 100)
	target.deliver(t, d, d, d)
	target.want(t, d)
}

func newerReplaces(t *testing.T, target Target) {
	for version, size := range []int{1, 100_000, 10, 0} {
		d := Set(t, "prod/db", int64(version+1), size)
		target.deliver(t, d)
		target.want(t, d)
	}
}

func olderDoesNothing(t *testing.T, target Target) {
	newer := Set(t, "prod/db", 5, 100)
	target.deliver(t, newer, Set(t, "prod/db", 4, 100), Delete(t, "prod/db", 3))
	target.want(t, newer)
}

func shuffledEndsAtNewest(t *testing.T, target Target) {
	versions := shuffled
	if testing.Short() {
		versions = shuffledShort
	}
	for _, i := range rand.Perm(versions) {
		target.deliver(t, Set(t, "prod/db", int64(i+1), 10))
	}
	target.want(t, Set(t, "prod/db", int64(versions), 10))
}

func deleted(t *testing.T, target Target) {
	d := Delete(t, "prod/db", 2)
	target.deliver(t, Set(t, "prod/db", 1, 100), d, d)
	target.want(t, d)
	other := Delete(t, "never/was/there", 1)
	target.deliver(t, other)
	target.want(t, other)
}

func deleteIsNotUndone(t *testing.T, target Target) {
	d := Delete(t, "prod/db", 2)
	target.deliver(t, d, Set(t, "prod/db", 1, 100))
	target.want(t, d)
}

func setAfterDelete(t *testing.T, target Target) {
	d := Set(t, "prod/db", 3, 100)
	target.deliver(t, Set(t, "prod/db", 1, 100), Delete(t, "prod/db", 2), d)
	target.want(t, d)
}

func formatChanges(t *testing.T, target Target) {
	old := InFormat(t, Set(t, "prod/db", 1, 100), "js7")
	now := Set(t, "prod/db", 2, 100)
	target.deliver(t, old, now, old)
	target.want(t, now)
	back := InFormat(t, Set(t, "prod/db", 3, 100), "js7")
	target.deliver(t, back, now)
	target.want(t, back)
	gone := Delete(t, "prod/db", 4)
	target.deliver(t, gone, back)
	target.want(t, gone)
}

func cancelled(t *testing.T, target Target) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	old := Set(t, "prod/db", 1, 100)
	target.deliver(t, old)
	for _, d := range []outbox.Delivery{Set(t, "prod/db", 2, 1<<20), Delete(t, "prod/db", 3)} {
		if _, err := target.Destination.Deliver(ctx, d); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled %s gave %v, want context.Canceled", d.Operation, err)
		}
		target.want(t, old)
	}
}

func manyAtOnce(t *testing.T, target Target) {
	const names = 50
	var group sync.WaitGroup
	for i := range names {
		group.Go(func() {
			for version := range int64(2) {
				if _, err := target.Destination.Deliver(t.Context(), Set(t, fmt.Sprintf("team%d/s%d", i%5, i), version+1, 1000)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for i := range names {
		target.want(t, Set(t, fmt.Sprintf("team%d/s%d", i%5, i), 2, 1000))
	}
}

func oneSecretAtOnce(t *testing.T, target Target) {
	const versions = 50
	var group sync.WaitGroup
	for version := range int64(versions) {
		group.Go(func() {
			if _, err := target.Destination.Deliver(t.Context(), Set(t, "prod/db", version+1, 1000)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	target.want(t, Set(t, "prod/db", versions, 1000))
}

// verified is for those that are deliver.Verifiable.
func verified(t *testing.T, target Target) {
	verifiable, ok := target.Destination.(deliver.Verifiable)
	if !ok {
		t.Skip("a destination of this kind cannot look at what it delivered")
	}
	set, newer, gone := Set(t, "prod/db", 2, 100), Set(t, "prod/db", 3, 90_000), Delete(t, "prod/db", 4)
	state := func(d outbox.Delivery, delivered int64, want deliver.FindingState) {
		t.Helper()
		d.DeliveredVersion = delivered
		finding, err := verifiable.Verify(t.Context(), d)
		if err != nil || finding.State != want || (finding.Detail == "") != (want == deliver.Intact) {
			t.Errorf("version %d of which %d is delivered is found %s (%q), error %v; want %s", d.Version, delivered, finding.State, finding.Detail, err, want)
		}
	}
	state(set, 2, deliver.Missing)
	target.deliver(t, set)
	state(set, 2, deliver.Intact)
	state(newer, 2, deliver.Intact) // The newer one is still to come.
	state(newer, 3, deliver.Older)
	state(Set(t, "prod/db", 1, 100), 1, deliver.Changed)
	target.deliver(t, newer)
	state(newer, 3, deliver.Intact)
	state(gone, 4, deliver.Older)
	target.deliver(t, gone)
	state(gone, 4, deliver.Intact)
	state(gone, 3, deliver.Intact) // It came just now.
	back := Set(t, "prod/db", 5, 100)
	target.deliver(t, back)
	state(back, 5, deliver.Intact)
	state(Set(t, "other", 1, 10), 1, deliver.Missing)
	// Nothing was written by looking.
	target.want(t, back)
}
