//go:build unix

package e2e

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent/kept"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// outbox opens the service's, beside it or after its end.
func (s *site) outbox(t *testing.T) outbox.Outbox {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(s.dir, "service", "data", "outbox.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// waitSettled waits until every delivery is made and acknowledged.
func (s *site) waitSettled(t *testing.T) {
	t.Helper()
	store := s.outbox(t)
	defer func() { _ = store.Close() }()
	deadline := time.Now().Add(patience)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		counts, err := store.Count(context.Background())
		if err != nil && !errors.Is(err, outbox.ErrUnavailable) {
			t.Fatal(err)
		}
		if err == nil && counts[outbox.Delivered] > 0 && counts[outbox.Delivered] == total(counts) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not everything is delivered after %v: %v", patience, counts)
		}
		<-ticker.C
	}
}

func total(counts map[outbox.State]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

// check compares what the senders were told, what the service knows, what the
// agents keep and what their actions found.
func (w *killWorld) check(rounds int) {
	w.t.Helper()
	store := w.site.outbox(w.t)
	defer func() { _ = store.Close() }()
	var chain audit.Chain
	if err := store.Audit(context.Background(), 1, chain.Next); err != nil {
		w.t.Error(err)
	}
	var acked int64
	for i := range siteSecrets {
		version, c, err := w.load.newest(siteSecret(i))
		if err != nil {
			w.t.Error(err)
			continue
		}
		acked += version
		for _, a := range w.site.agents {
			a.checkNewest(w.t, store, version, c)
		}
	}
	for _, a := range w.site.agents {
		w.checkStored(a)
		w.checkActions(a)
	}
	w.t.Logf("%d rounds, kills %v after %v; %d hooks acknowledged, %d of them when repeated", rounds, w.kills, w.moments, acked, w.load.repeats)
	w.t.Logf("replayed to %s: its version %d times, an older one %d times", w.replayer.agent.name, w.replayer.repeated, w.replayer.older)
	if w.replayer.repeated == 0 || w.replayer.older == 0 {
		w.t.Error("too little was replayed to prove anything")
	}
	if acked < int64(rounds) {
		w.t.Errorf("only %d hooks in %d rounds: the kills come too early to prove much", acked, rounds)
	}
}

// checkNewest: the agent has the version that was acknowledged last, it is what
// was sent, and its receipt is the one that the service has.
func (a *siteAgent) checkNewest(t *testing.T, store outbox.Outbox, version int64, c change) {
	t.Helper()
	row, err := store.Get(context.Background(), outbox.Key{Agent: a.name, Destination: "way", Secret: c.secret})
	if err != nil || row.State != outbox.Delivered || row.DeliveredVersion != version {
		t.Errorf("%s of %s: acknowledged up to version %d, delivered %d, %s: %v", c.secret, a.name, version, row.DeliveredVersion, row.State, err)
		return
	}
	copies, err := kept.Load(a.config(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = copies.Close() }()
	record, err := copies.Folder.Get(c.secret)
	if err != nil {
		t.Errorf("%s of %s: %v", c.secret, a.name, err)
		return
	}
	claims, err := statement.Verify(record.Statement, a.service)
	if err != nil || claims.Version != version {
		t.Errorf("%s of %s: acknowledged up to version %d, there is %d: %v", c.secret, a.name, version, claims.Version, err)
	}
	applied, err := receipt.Verify(row.Receipt, a.signing)
	if err == nil {
		err = applied.Check(claims)
	}
	if err != nil || row.Receipt != record.Receipt || applied.Action != receipt.Done {
		t.Errorf("%s of %s: the receipts of service and agent are %q and %q: %v", c.secret, a.name, row.Receipt, record.Receipt, err)
	}
	if err := opensTo(copies, c); err != nil {
		t.Errorf("%s of %s: version %d: %v", c.secret, a.name, version, err)
	}
	if laid, err := laidOut(a.dir, c.secret); err != nil || laid != version {
		t.Errorf("%s of %s: version %d is laid out, not %d: %v", c.secret, a.name, laid, version, err)
	}
}

// opensTo compares what the agent keeps with what was sent.
func opensTo(copies *kept.Copies, c change) error {
	opened, err := copies.Open(c.secret)
	if c.value == nil {
		if err == nil {
			opened.Wipe()
			return errors.New("it was deleted and opens")
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer opened.Wipe()
	return opened.Expose(func(plaintext []byte) error {
		if !bytes.Equal(plaintext, c.value) {
			return errors.New("it opens to another value")
		}
		return nil
	})
}

// checkStored: each version was stored once, and after all older ones.
func (w *killWorld) checkStored(a *siteAgent) {
	w.t.Helper()
	newest := map[string]int64{}
	for _, s := range w.stored[a.name] {
		if s.version <= newest[s.secret] {
			w.t.Errorf("%s stored version %d of %s after version %d", a.name, s.version, s.secret, newest[s.secret])
		}
		newest[s.secret] = s.version
	}
	w.t.Logf("%s: %d versions stored, each once and after all older ones: %v", a.name, len(w.stored[a.name]), !w.t.Failed())
}

// checkActions: an action never found an older version than the one before it, the
// last one found the newest, and one was repeated only because a kill cut it off.
func (w *killWorld) checkActions(a *siteAgent) {
	w.t.Helper()
	actions, repeats := 0, 0
	for secret, versions := range a.recorded(w.t) {
		for i, version := range versions[1:] {
			if version < versions[i] {
				w.t.Errorf("an action of %s found version %d of %s after version %d", a.name, version, secret, versions[i])
			}
			if version == versions[i] {
				repeats++
			}
		}
		actions += len(versions)
		newest, _, err := w.load.newest(secret)
		if last := versions[len(versions)-1]; err != nil || last != newest {
			w.t.Errorf("the last action of %s found version %d of %s, not %d: %v", a.name, last, secret, newest, err)
		}
	}
	if most := siteSecrets * w.kills[a.name]; repeats > most {
		w.t.Errorf("%d actions of %s were repeated, at %d kills", repeats, a.name, w.kills[a.name])
	}
	w.t.Logf("%s: %d actions, %d of them repeated because a kill cut them off", a.name, actions, repeats)
}
