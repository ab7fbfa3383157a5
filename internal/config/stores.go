package config

import (
	"maps"
	"slices"
	"time"
)

// Store is a certificate store: one entry that names the kind (azure-key-vault,
// directory, jks, js7-joc, pkcs12, script, ssh,
// tls) and has its settings, beside these.
type Store struct {
	// Every is how often the keys that agents have from it are looked at. At least
	// 10s. Default: 5m
	Every time.Duration `yaml:"every"`
	// Watch has the whole store looked through now and then, and what needs attention
	// logged and counted. Default: it is not
	Watch *Watch `yaml:"watch"`
	// Kind is the entry that names the kind.
	Kind map[string]Settings `yaml:",inline"`
}

// Watch says how a store is watched.
type Watch struct {
	// Every is how often it is looked through. At least 10s. Default: 24h
	Every time.Duration `yaml:"every"`
	// ExpiresWithin is how long before a certificate expires that is told.
	// Default: 720h
	ExpiresWithin time.Duration `yaml:"expires_within"`
}

// Place is the kind and settings of the store.
func (s Store) Place() (string, Settings, error) { return one("the kind", s.Kind) }

// StoreKey names a key in a store.
type StoreKey struct{ Store, Alias string }

// Stored is a key that was read from a store.
type Stored struct {
	// Public is the key as text, a certificate with its chain.
	Public string `json:"public"`
	// Refused is why it must not be used any longer; empty if it may be.
	Refused string `json:"refused,omitempty"`
}

// StoreKeys are all keys that agents and groups have from stores, in order.
func (c *Config) StoreKeys() []StoreKey {
	found := map[StoreKey]bool{}
	note := func(k Key) {
		if k.Store != "" {
			found[StoreKey{k.Store, k.Alias}] = true
		}
	}
	for _, agent := range c.Agents {
		for _, key := range agent.Keys {
			note(key)
		}
	}
	for _, group := range c.Groups {
		if group.Key != nil {
			note(*group.Key)
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b StoreKey) int {
		return slices.Compare([]string{a.Store, a.Alias}, []string{b.Store, b.Alias})
	})
}

// WithStored is the configuration with the keys that were read from stores.
func (c *Config) WithStored(stored map[StoreKey]Stored) *Config {
	with := *c
	with.stored = stored
	return &with
}

// Stored are the keys that were read from stores; ok is false if that was not done.
func (c *Config) Stored() (stored map[StoreKey]Stored, ok bool) { return c.stored, c.stored != nil }

func (s Store) check(ch *checker, where string) {
	if _, _, err := s.Place(); err != nil {
		ch.add("%s: %w", where, err)
	}
	if s.Every < 10*time.Second {
		ch.add("%s: every is less than 10s", where)
	}
	if s.Watch != nil && s.Watch.Every < 10*time.Second {
		ch.add("%s: watch: every is less than 10s", where)
	}
	if s.Watch != nil && s.Watch.ExpiresWithin < 0 {
		ch.add("%s: watch: expires_within must not be negative", where)
	}
}

// checkStoreKeys finds keys of stores that there are not.
func (c *Config) checkStoreKeys(ch *checker) {
	for _, name := range slices.Sorted(maps.Keys(c.Stores)) {
		c.Stores[name].check(ch, ch.name("store", name))
	}
	for _, key := range c.StoreKeys() {
		if _, ok := c.Stores[key.Store]; !ok {
			ch.add("a key is taken from store %s, and there is no such store", shown(key.Store, nameRule))
		}
	}
}
