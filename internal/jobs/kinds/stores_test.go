package kinds_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/directory"
	"github.com/sealrelay/sealrelay/agentkeys/stores/keystore"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/jobs/kinds"
)

func put(t *testing.T, store stores.Adder, alias string) {
	t.Helper()
	if _, err := store.Add(t.Context(), storetest.NewPair(t, "ec-p256", alias).Addition(alias)); err != nil {
		t.Fatal(err)
	}
}

func TestInventory(t *testing.T) {
	store, dir := folder(t)
	report, _, err := with(store).run(t, "inventory", "{store: s}")
	wants(t, report, err, jobs.Report{Message: "0 entries"})
	put(t, store, "b.pem")
	put(t, store, "a.pem")
	report, lines, err := with(store).run(t, "inventory", "{store: s}")
	wants(t, report, err, jobs.Report{Message: "2 entries"})
	if len(lines) != 2 || lines[0]["alias"] != "a.pem" || lines[0]["subject"] != "CN=a.pem" || lines[0]["private_key"] != "exportable" {
		t.Errorf("put out %v", lines)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.pem"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	report, lines, err = with(store).run(t, "inventory", "{store: s}")
	wants(t, report, err, jobs.Report{Warning: true, Message: `3 entries, 1 cannot be read: "c.pem"`})
	if len(lines) != 3 || lines[2]["problem"] == "" {
		t.Errorf("put out %v", lines)
	}
	_, _, err = with(store).run(t, "inventory", "{store: t}")
	fails(t, err, "store t: there is no such store")
}

func TestInventoryOfKeystore(t *testing.T) {
	dir := t.TempDir()
	pair := storetest.NewPair(t, "ec-p256", "web")
	p12, err := keys.SendPKCS12(pair.Private, pair.Certificates, "web", []byte("canary"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "store.p12", p12)
	write(t, dir, "password", []byte("canary\n"))
	store, err := keystore.New(keystore.Config{File: filepath.Join(dir, "store.p12"), PasswordFile: filepath.Join(dir, "password")}, keystore.PKCS12)
	if err != nil {
		t.Fatal(err)
	}
	report, lines, err := with(store).run(t, "inventory", "{store: s}")
	wants(t, report, err, jobs.Report{Message: "1 entry"})
	if len(lines) != 1 || lines[0]["alias"] != "web" || len(lines[0]["chain"].([]any)) != 1 {
		t.Errorf("put out %v", lines)
	}
	write(t, dir, "password", []byte("wrong\n"))
	_, _, err = with(store).run(t, "inventory", "{store: s}")
	fails(t, err, "the list broke off after 0 entries")
}

func TestInventoryCounts(t *testing.T) {
	public, err := keys.ParsePublic(storetest.NewPair(t, "ec-p256", "a").Certificates)
	if err != nil {
		t.Fatal(err)
	}
	old := *public
	old.NotAfter = old.NotBefore
	store := &fake{}
	for i := range 7 {
		store.entries = append(store.entries, stores.Entry{Alias: fmt.Sprint("bad\n", i), Problem: errDown})
	}
	store.entries = append(store.entries, stores.Entry{Alias: "x", Key: &old}, stores.Entry{Alias: "y", Key: public, Disabled: true, Pending: true}, stores.Entry{Alias: "z", Key: public})
	report, _, err := with(store).run(t, "inventory", "{store: s}")
	wants(t, report, err, jobs.Report{
		Warning: true, Message: `10 entries, 1 expired, 1 disabled, 1 with a request under way, 7 cannot be read: "bad\n0", "bad\n1", "bad\n2", "bad\n3", "bad\n4" and others`,
	})
	store.broken = errDown
	report, lines, err := with(store).run(t, "inventory", "{store: s}")
	fails(t, err, "the list broke off after 10 entries")
	if len(lines) != 10 || !errors.Is(err, stores.ErrUnreadable) {
		t.Errorf("put out %d lines, %+v", len(lines), report)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := with(store).runIn(t, ended, "inventory", "{store: s}"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// TestInventoryIncomplete: an entry of which something could not be read is told, and
// counted apart.
func TestInventoryIncomplete(t *testing.T) {
	public, err := keys.ParsePublic(storetest.NewPair(t, "ec-p256", "a").Certificates)
	if err != nil {
		t.Fatal(err)
	}
	store := &fake{entries: []stores.Entry{{Alias: "a", Key: public, Incomplete: errDown}, {Alias: "b", Key: public}}}
	report, lines, err := with(store).run(t, "inventory", "{store: s}")
	wants(t, report, err, jobs.Report{Warning: true, Message: `2 entries, 1 cannot be read whole: "a"`})
	if len(lines) != 2 || lines[0]["incomplete"] != errDown.Error() || lines[0]["fingerprint"] == nil || lines[0]["problem"] != nil {
		t.Errorf("put out %v", lines)
	}
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestOutputIsGone: a job whose output is not kept fails.
func TestOutputIsGone(t *testing.T) {
	store, _ := folder(t)
	put(t, store, "a.pem")
	for _, kind := range []string{"inventory", "remove"} {
		text := map[string]string{"inventory": "{store: s}", "remove": "{store: s, alias: a.pem}"}[kind]
		_, err := kinds.New(with(store).env)[kind](t.Context(), jobs.Task{Settings: absolute(t, kind, text), Output: gone{}})
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestRemove(t *testing.T) {
	store, _ := folder(t)
	put(t, store, "a.pem")
	report, lines, err := with(store).run(t, "remove", "{store: s, alias: a.pem}")
	wants(t, report, err, jobs.Report{Message: "a.pem: removed", Changed: "s"})
	if len(lines) != 1 || lines[0]["alias"] != "a.pem" || lines[0]["did"] != "removed" {
		t.Errorf("put out %v", lines)
	}
	report, lines, err = with(store).run(t, "remove", "{store: s, alias: a.pem}")
	wants(t, report, err, jobs.Report{Warning: true, Message: "a.pem: not there, nothing removed"})
	if len(lines) != 0 {
		t.Errorf("put out %v", lines)
	}
	_, _, err = with(&writable{removeErr: errDown}).run(t, "remove", "{store: s, alias: a}")
	fails(t, err, "store s: a: cannot be read")
	_, _, err = with(&fake{}).run(t, "remove", "{store: s, alias: a}")
	fails(t, err, "nothing can be taken out")
}

func TestCreate(t *testing.T) {
	store, err := directory.New(directory.Config{Dir: filepath.Join(t.TempDir(), "new")})
	if err != nil {
		t.Fatal(err)
	}
	report, lines, err := with(store).run(t, "create", "{store: s}")
	wants(t, report, err, jobs.Report{Message: "s: created", Changed: "s"})
	if len(lines) != 1 || lines[0]["did"] != "created" {
		t.Errorf("put out %v", lines)
	}
	report, _, err = with(store).run(t, "create", "{store: s}")
	wants(t, report, err, jobs.Report{Warning: true, Message: "s: there already, nothing made"})
	_, _, err = with(&fake{}).run(t, "create", "{store: s}")
	fails(t, err, "cannot be made here")
}
