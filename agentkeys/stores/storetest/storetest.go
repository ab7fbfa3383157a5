// Package storetest has the conformance suite of certificate stores: what every kind
// promises, whatever keeps its entries.
package storetest

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// Target is an empty store that entries can be put into and taken out of.
type Target struct {
	Store interface {
		stores.Store
		stores.Adder
		stores.Remover
	}
	// Alias is the n-th alias as the store has them.
	Alias func(n int) string
	// Public: certificates without a private key can be added. Bare says that they are
	// then kept without those that they were issued by.
	Public, Bare bool
	// Slow: a change takes seconds, so that the suite makes few.
	Slow bool
	// LeafOnly: the store does not give away what a certificate was issued by.
	LeafOnly bool
	// Reopen is the same store as another process has it.
	Reopen func() stores.Store
}

// Pair is a private key with its certificate and the authority's, as PEM.
type Pair struct {
	Private      any
	Certificates []byte
}

// NewPair makes a pair with a key of the kind, signed by an authority of its own.
func NewPair(t testing.TB, kind, name string) Pair {
	t.Helper()
	own, authority := newKey(t, kind), newKey(t, "ec-p256")
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of " + name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement, DNSNames: []string{"agent.example"},
	}
	return Pair{own, append(sign(t, leaf, ca, public(t, own), authority), sign(t, ca, ca, public(t, authority), authority)...)}
}

func newKey(t testing.TB, kind string) any {
	t.Helper()
	pair, err := keys.New(kind, keys.NewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	clear(pair.Private)
	return pair.Keys[0]
}

func public(t testing.TB, private any) any {
	t.Helper()
	own, err := keys.PublicOf(private)
	if err != nil {
		t.Fatal(err)
	}
	return own
}

func sign(t testing.TB, certificate, parent *x509.Certificate, public, signer any) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, certificate, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Addition is one of the pair under an alias.
func (p Pair) Addition(alias string) stores.Addition {
	return stores.Addition{Alias: alias, Private: p.Private, Certificates: p.Certificates}
}

// Run runs the suite. open is called for each test.
func Run(t *testing.T, open func(t *testing.T) Target) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Target)
	}{
		{"Empty", empty},
		{"Add", add},
		{"AddAgainIsNothing", addAgain},
		{"Overwrite", overwrite},
		{"KindsOfKeys", kindsOfKeys},
		{"Invalid", invalid},
		{"DryRun", dryRun},
		{"Remove", remove},
		{"AddAfterRemove", addAfterRemove},
		{"Many", many},
		{"AtOnce", atOnce},
		{"Cancelled", cancelled},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// All is the inventory, by alias.
func All(t testing.TB, store stores.Store) map[string]stores.Entry {
	t.Helper()
	out := map[string]stores.Entry{}
	for entry, err := range store.Inventory(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := out[entry.Alias]; twice {
			t.Errorf("%s is yielded twice", entry.Alias)
		}
		out[entry.Alias] = entry
	}
	return out
}

func (target Target) add(t *testing.T, addition stores.Addition, want stores.Did) {
	t.Helper()
	outcome, err := target.Store.Add(t.Context(), addition)
	if err != nil || outcome.Did != want {
		t.Fatalf("adding %s: %q, %v, want %q", addition.Alias, outcome.Did, err, want)
	}
}

// want checks that the store has the pair's whole chain under the alias, as another
// process sees it too.
func (target Target) want(t *testing.T, alias string, pair Pair) {
	t.Helper()
	wanted, err := keys.ParsePublic(pair.Certificates)
	if err != nil {
		t.Fatal(err)
	}
	if target.LeafOnly {
		wanted.Intermediates = nil
	}
	for _, store := range []stores.Store{target.Store, target.Reopen()} {
		entry, err := store.Lookup(t.Context(), alias)
		if err != nil {
			t.Fatal(err)
		}
		if entry.Alias != alias || entry.Problem != nil || !stores.SameChain(entry.Key, wanted) {
			t.Errorf("%s is %+v", alias, entry)
		}
	}
}

func (target Target) absent(t *testing.T, alias string) {
	t.Helper()
	if entry, err := target.Reopen().Lookup(t.Context(), alias); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("%s: %+v, error %v, want that it is not there", alias, entry, err)
	}
}

func empty(t *testing.T, target Target) {
	if got := All(t, target.Store); len(got) != 0 {
		t.Errorf("it has %v", got)
	}
	target.absent(t, target.Alias(1))
	if _, err := target.Store.Remove(t.Context(), stores.Removal{Alias: target.Alias(1)}); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("removing what is not there: %v", err)
	}
}

func add(t *testing.T, target Target) {
	pair := NewPair(t, "ec-p256", "one")
	target.add(t, pair.Addition(target.Alias(1)), stores.DidAdd)
	target.want(t, target.Alias(1), pair)
	got := All(t, target.Reopen())
	if entry := got[target.Alias(1)]; len(got) != 1 || entry.Private == stores.PrivateNone {
		t.Errorf("it has %+v", got)
	}
	if !target.Public {
		return
	}
	other := NewPair(t, "rsa-2048", "two")
	addition := other.Addition(target.Alias(2))
	addition.Private = nil
	target.add(t, addition, stores.DidAdd)
	if target.Bare {
		block, _ := pem.Decode(other.Certificates)
		other.Certificates = pem.EncodeToMemory(block)
	}
	target.want(t, target.Alias(2), other)
	target.want(t, target.Alias(1), pair)
	if entry, err := target.Reopen().Lookup(t.Context(), target.Alias(2)); err != nil || entry.Private != stores.PrivateNone {
		t.Errorf("a certificate alone is %+v, %v", entry, err)
	}
}

func addAgain(t *testing.T, target Target) {
	pair := NewPair(t, "ec-p256", "one")
	target.add(t, pair.Addition(target.Alias(1)), stores.DidAdd)
	before, err := target.Store.Lookup(t.Context(), target.Alias(1))
	if err != nil {
		t.Fatal(err)
	}
	target.add(t, pair.Addition(target.Alias(1)), stores.DidNothing)
	if after, err := target.Store.Lookup(t.Context(), target.Alias(1)); err != nil || after.Version != before.Version {
		t.Errorf("the version was %q and is %q, %v", before.Version, after.Version, err)
	}
}

func overwrite(t *testing.T, target Target) {
	old, renewed := NewPair(t, "rsa-2048", "one"), NewPair(t, "ec-p256", "one")
	target.add(t, old.Addition(target.Alias(1)), stores.DidAdd)
	addition := renewed.Addition(target.Alias(1))
	if _, err := target.Store.Add(t.Context(), addition); !errors.Is(err, stores.ErrExists) {
		t.Errorf("without overwrite: %v", err)
	}
	target.want(t, target.Alias(1), old)
	addition.Overwrite = true
	target.add(t, addition, stores.DidReplace)
	target.want(t, target.Alias(1), renewed)
}

func kindsOfKeys(t *testing.T, target Target) {
	pairs := map[string]Pair{}
	kinds := []string{"rsa-2048", "ec-p521", "rsa-3072", "ec-p256", "ec-p384"}
	if target.Slow {
		kinds = kinds[:2]
	}
	for i, kind := range kinds {
		alias := target.Alias(i)
		pairs[alias] = NewPair(t, kind, kind)
		target.add(t, pairs[alias].Addition(alias), stores.DidAdd)
	}
	for alias, pair := range pairs {
		target.want(t, alias, pair)
	}
}

func invalid(t *testing.T, target Target) {
	pair, other := NewPair(t, "ec-p256", "one"), NewPair(t, "ec-p256", "two")
	for name, addition := range map[string]stores.Addition{
		"no certificate":        {Alias: target.Alias(1), Private: pair.Private},
		"another's certificate": {Alias: target.Alias(1), Private: pair.Private, Certificates: other.Certificates},
		"garbage":               {Alias: target.Alias(1), Private: pair.Private, Certificates: []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")},
		"no alias":              {Private: pair.Private, Certificates: pair.Certificates},
	} {
		if _, err := target.Store.Add(t.Context(), addition); !errors.Is(err, stores.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := All(t, target.Store); len(got) != 0 {
		t.Errorf("it has %v", got)
	}
}

func dryRun(t *testing.T, target Target) {
	pair, other := NewPair(t, "ec-p256", "one"), NewPair(t, "ec-p256", "two")
	addition := pair.Addition(target.Alias(1))
	addition.DryRun = true
	target.add(t, addition, stores.DidAdd)
	target.absent(t, target.Alias(1))
	target.add(t, pair.Addition(target.Alias(1)), stores.DidAdd)
	replacement := other.Addition(target.Alias(1))
	replacement.DryRun, replacement.Overwrite = true, true
	target.add(t, replacement, stores.DidReplace)
	replacement.Overwrite = false
	if _, err := target.Store.Add(t.Context(), replacement); !errors.Is(err, stores.ErrExists) {
		t.Errorf("a dry run that may not overwrite: %v", err)
	}
	if outcome, err := target.Store.Remove(t.Context(), stores.Removal{Alias: target.Alias(1), DryRun: true}); err != nil || outcome.Did != stores.DidRemove {
		t.Errorf("a dry run of removing: %q, %v", outcome.Did, err)
	}
	target.want(t, target.Alias(1), pair)
}

func remove(t *testing.T, target Target) {
	one, two := NewPair(t, "ec-p256", "one"), NewPair(t, "ec-p256", "two")
	target.add(t, one.Addition(target.Alias(1)), stores.DidAdd)
	target.add(t, two.Addition(target.Alias(2)), stores.DidAdd)
	outcome, err := target.Store.Remove(t.Context(), stores.Removal{Alias: target.Alias(1)})
	if err != nil || outcome.Did != stores.DidRemove {
		t.Fatalf("%q, %v", outcome.Did, err)
	}
	target.absent(t, target.Alias(1))
	target.want(t, target.Alias(2), two)
	if got := All(t, target.Reopen()); len(got) != 1 {
		t.Errorf("it has %v", got)
	}
}

func addAfterRemove(t *testing.T, target Target) {
	one, two := NewPair(t, "ec-p256", "one"), NewPair(t, "ec-p384", "two")
	target.add(t, one.Addition(target.Alias(1)), stores.DidAdd)
	if _, err := target.Store.Remove(t.Context(), stores.Removal{Alias: target.Alias(1), Purge: true}); err != nil {
		t.Fatal(err)
	}
	target.add(t, two.Addition(target.Alias(1)), stores.DidAdd)
	target.want(t, target.Alias(1), two)
}

func many(t *testing.T, target Target) {
	n := 60
	if target.Slow {
		n = 6
	}
	pair := NewPair(t, "ec-p256", "many")
	var aliases []string
	for i := range n {
		aliases = append(aliases, target.Alias(i))
		target.add(t, pair.Addition(target.Alias(i)), stores.DidAdd)
	}
	slices.Sort(aliases)
	var got []string
	for alias := range All(t, target.Reopen()) {
		got = append(got, alias)
	}
	slices.Sort(got)
	if !slices.Equal(got, aliases) {
		t.Errorf("the inventory has %d, want %d", len(got), len(aliases))
	}
}

// atOnce has two views of the store, as two processes have, and no change of either
// lost.
func atOnce(t *testing.T, target Target) {
	pair := NewPair(t, "ec-p256", "one")
	other, ok := target.Reopen().(stores.Adder)
	if !ok {
		t.Fatal("reopened, nothing can be added")
	}
	var group sync.WaitGroup
	for i, adder := range []stores.Adder{target.Store, other} {
		changes := 8
		if target.Slow {
			changes = 2
		}
		for n := range changes {
			group.Go(func() {
				if _, err := adder.Add(t.Context(), pair.Addition(target.Alias(10*i+n))); err != nil {
					t.Errorf("adding %d of %d: %v", n, i, err)
				}
			})
		}
	}
	group.Wait()
	want := 16
	if target.Slow {
		want = 4
	}
	if got := All(t, target.Reopen()); len(got) != want {
		t.Errorf("%d of %d are there", len(got), want)
	}
}

func cancelled(t *testing.T, target Target) {
	pair := NewPair(t, "ec-p256", "one")
	target.add(t, pair.Addition(target.Alias(1)), stores.DidAdd)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last error
	for _, err := range target.Store.Inventory(ctx) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("a cancelled inventory ends with %v", last)
	}
	if _, err := target.Store.Add(ctx, NewPair(t, "ec-p256", "two").Addition(target.Alias(2))); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled addition: %v", err)
	}
	target.absent(t, target.Alias(2))
}

// Aliases makes numbered aliases with what goes before and behind the number.
func Aliases(before, behind string) func(int) string {
	return func(n int) string { return fmt.Sprintf("%sagent%d%s", before, n, behind) }
}
