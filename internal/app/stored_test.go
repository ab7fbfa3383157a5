package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/internal/config"
)

const (
	hostKey  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH03lTiNRgWeNUx5yI2TTcyYNl3uzFvNGj5ptSfGAS5G"
	otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICFk5nYWgQPXy7G0Uz+2nofpP1r3/SKVCKJjVS3pgbOe"
)

// inStore is base with the agent's key in a known_hosts file.
var inStore = strings.Replace(strings.Replace(base, "main: {file: web.pub}", "main: {store: hosts, alias: web.example ssh-ed25519}", 1),
	"sources:\n", "stores: {hosts: {ssh: {known_hosts: known_hosts}, every: 10s}}\nsources:\n", 1)

// TestStoredKeys: what is in the store counts; a key that vanished or whose store is away
// stays in use, one that was disabled is refused.
func TestStoredKeys(t *testing.T) {
	dir, log := folder(t), &logged{}
	load := func() *config.Config {
		cfg, err := config.Parse([]byte(inStore), dir)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	if _, err := New(t.Context(), load(), Options{Log: zerolog.New(log), InsecureLoopback: true}); err == nil || !strings.Contains(err.Error(), "store hosts: alias web.example") {
		t.Fatalf("without the key: %v", err)
	}
	write(t, dir, "known_hosts", []byte("web.example "+hostKey+"\n"))
	a, err := New(t.Context(), load(), Options{Log: zerolog.New(log), InsecureLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	key := func() *agentkeys.Key {
		return a.built.Load().Rules.Registry().Agent("web").Destinations[0].Key
	}
	now, next, failing := time.Now(), map[string]time.Time{}, map[config.StoreKey]string{}
	look := func() {
		now = now.Add(10 * time.Second)
		a.readStoresDue(t.Context(), now, next, failing)
	}
	look() // The first look only notes when the store is due.
	first := key().ID

	write(t, dir, "known_hosts", []byte("web.example "+otherKey+"\n"))
	look()
	if key().ID == first || key().Check(now) != nil {
		t.Errorf("the new key is not in use: %s, %v", key().ID, key().Check(now))
	}
	second := key().ID
	a.readStoresDue(t.Context(), now.Add(time.Second), next, failing) // Not due.

	for _, name := range []string{"vanished", "away"} {
		if name == "away" {
			if err := os.Remove(filepath.Join(dir, "known_hosts")); err != nil {
				t.Fatal(err)
			}
		} else {
			write(t, dir, "known_hosts", []byte("other.example "+hostKey+"\n"))
		}
		look()
		look()
		if key().ID != second || key().Check(now) != nil {
			t.Errorf("%s: in use is %s, %v", name, key().ID, key().Check(now))
		}
	}
	for text, times := range map[string]int{"has vanished from its store": 1, "cannot be read from its store": 1} {
		if got := strings.Count(log.String(), text); got != times {
			t.Errorf("%q was logged %d times:\n%s", text, got, log)
		}
	}

	write(t, dir, "known_hosts", []byte("web.example "+otherKey+"\n@revoked web.example "+otherKey+"\n"))
	look()
	if err := key().Check(now); !errors.Is(err, agentkeys.ErrPolicy) || !strings.Contains(err.Error(), "disabled") {
		t.Errorf("disabled: %v", err)
	}
	if !strings.Contains(log.String(), "is read from its store again") {
		t.Errorf("that it is over was not logged:\n%s", log)
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}

	// The next start knows what was read last.
	if err := os.Remove(filepath.Join(dir, "known_hosts")); err != nil {
		t.Fatal(err)
	}
	if a, err = New(t.Context(), load(), Options{Log: zerolog.New(log), InsecureLoopback: true}); err != nil {
		t.Fatal(err)
	}
	if key().ID != second || key().Check(now) == nil {
		t.Errorf("after a start in use is %s, %v", key().ID, key().Check(now))
	}
	if err := a.Reload(load()); err != nil {
		t.Errorf("reloaded: %v", err)
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "data/store-keys.json", []byte("{"))
	if _, err := New(context.Background(), load(), Options{Log: zerolog.New(log), InsecureLoopback: true}); err == nil || !strings.Contains(err.Error(), "store-keys.json") {
		t.Errorf("with a damaged file: %v", err)
	}
}
