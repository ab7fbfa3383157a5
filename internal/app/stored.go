package app

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/azurekeyvault"
	storekinds "github.com/sealrelay/sealrelay/agentkeys/stores/kinds"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/durable"
)

// readStoresWithin bounds the reading of all keys from stores at a start.
const readStoresWithin = 30 * time.Second

// storedFile is where the keys are kept that were read from stores, in the data
// folder: a store that is away when the service starts must not keep secrets from
// agents. They are public keys.
const storedFile = "store-keys.json"

func storedPath(cfg *config.Config) string { return filepath.Join(cfg.Path(cfg.DataDir), storedFile) }

// OpenStore opens a store of the configuration.
func OpenStore(cfg *config.Config, name string) (stores.Store, error) {
	return (&builder{cfg: cfg}).store(name)
}

// Azure is the configuration's account.
func Azure(cfg *config.Config) (*azure.Account, error) { return (&builder{cfg: cfg}).azure() }

// store opens a store of the configuration.
func (b *builder) store(name string) (stores.Store, error) {
	from, ok := b.cfg.Stores[name]
	if !ok {
		return nil, fmt.Errorf("the configuration has no store %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(b.cfg.Stores)), ", "))
	}
	kind, settings, err := from.Place()
	if err != nil {
		return nil, err
	}
	return storekinds.New(kind, storekinds.Settings{Decode: settings.Decode, Path: b.cfg.Path, KeyVault: b.keyVault})
}

func (b *builder) keyVault(decode func(into any) error) (stores.Store, error) {
	return azurekeyvault.Open(decode, b.azure)
}

// openStores opens every store, with the account that the destinations have too.
func (b *builder) openStores() map[string]stores.Store {
	opened := map[string]stores.Store{}
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Stores)) {
		store, err := b.store(name)
		b.add("store "+name, err)
		opened[name] = store
	}
	return opened
}

// storedKey is the text of a key that is taken from a store, as it was last read.
func (b *builder) storedKey(from config.Key) (config.Stored, error) {
	if b.stored == nil {
		if known, ok := b.cfg.Stored(); ok {
			b.stored = known
		} else if known, err := loadStored(b.cfg); err != nil {
			return config.Stored{}, err
		} else {
			b.stored = known
		}
	}
	stored, ok := b.stored[config.StoreKey{Store: from.Store, Alias: from.Alias}]
	if !ok {
		return config.Stored{}, fmt.Errorf("store %s: alias %s has not been read yet; `sealrelay config check` reads it and says what is wrong", from.Store, from.Alias)
	}
	return stored, nil
}

// storedEntry is a key as storedFile has it.
type storedEntry struct {
	Store string `json:"store"`
	Alias string `json:"alias"`
	config.Stored
}

// loadStored reads the keys that an earlier run read from stores.
func loadStored(cfg *config.Config) (map[config.StoreKey]config.Stored, error) {
	known := map[config.StoreKey]config.Stored{}
	data, err := config.ReadBounded(storedPath(cfg))
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	var entries []storedEntry
	if err == nil {
		err = json.Unmarshal(data, &entries)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; remove it to have the keys read again", storedPath(cfg), err)
	}
	for _, e := range entries {
		known[config.StoreKey{Store: e.Store, Alias: e.Alias}] = e.Stored
	}
	return known, nil
}

// saveStored keeps them for the next start.
func saveStored(cfg *config.Config, stored map[config.StoreKey]config.Stored) error {
	entries := []storedEntry{}
	for _, key := range cfg.StoreKeys() {
		if known, ok := stored[key]; ok {
			entries = append(entries, storedEntry{key.Store, key.Alias, known})
		}
	}
	data, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	return durable.WritePath(storedPath(cfg), data, durable.Options{Mode: 0o600})
}

// storeProblem is a key that could not be read from its store.
type storeProblem struct {
	config.StoreKey
	err error
}

// readStores reads the keys of those stores that are due, and keeps what is known of
// the others and of those that cannot be read.
func readStores(ctx context.Context, cfg *config.Config, open func(name string) (stores.Store, error), known map[config.StoreKey]config.Stored, due func(store string) bool) (stored map[config.StoreKey]config.Stored, problems []storeProblem) {
	stored = map[config.StoreKey]config.Stored{}
	var mu sync.Mutex
	var group sync.WaitGroup
	byStore := map[string][]config.StoreKey{}
	for _, key := range cfg.StoreKeys() {
		if last, ok := known[key]; ok {
			stored[key] = last
		}
		if due(key.Store) {
			byStore[key.Store] = append(byStore[key.Store], key)
		}
	}
	for name, wanted := range byStore {
		store, err := open(name)
		group.Go(func() {
			for _, key := range wanted {
				found, err := config.Stored{}, err
				if err == nil {
					found, err = lookup(ctx, store, key)
				}
				mu.Lock()
				if err == nil {
					stored[key] = found
				} else {
					problems = append(problems, storeProblem{key, err})
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return stored, problems
}

// lookup reads one key. An entry that the store does not let be used is read too, with
// the reason why nothing is sealed to it.
func lookup(ctx context.Context, store stores.Store, key config.StoreKey) (config.Stored, error) {
	entry, err := store.Lookup(ctx, key.Alias)
	switch {
	case err != nil:
		return config.Stored{}, err
	case entry.Problem != nil:
		return config.Stored{}, entry.Problem
	case entry.Key == nil:
		return config.Stored{}, fmt.Errorf("%w: its first certificate is still to come", stores.ErrNotFound)
	}
	text, err := text(entry.Key)
	if err != nil {
		return config.Stored{}, err
	}
	found := config.Stored{Public: text}
	if entry.Disabled {
		found.Refused = fmt.Sprintf("store %s has disabled %s; enable it, or put a new certificate there, and push again", key.Store, key.Alias)
	}
	return found, nil
}

// text is a key in the form that is read again, a certificate with its chain. That of
// SSH has envelope formats of its own.
func text(public *keys.Public) (string, error) {
	if public.Container == keys.SSH {
		host, err := ssh.NewPublicKey(public.Key)
		if err != nil {
			return "", err
		}
		return string(ssh.MarshalAuthorizedKey(host)), nil
	}
	own, err := public.Text()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.Write(own)
	if public.CertificateDER != nil {
		for _, intermediate := range public.Intermediates {
			b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: intermediate.Raw}))
		}
	}
	return b.String(), nil
}

// ReadStores reads all keys of the configuration that are in stores, and keeps what an
// earlier run read of those that cannot be read now, which warn is told.
func ReadStores(ctx context.Context, cfg *config.Config, warn func(message string)) (*config.Config, error) {
	if len(cfg.StoreKeys()) == 0 {
		return cfg, nil
	}
	known, err := loadStored(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readStoresWithin)
	defer cancel()
	stored, problems := readStores(ctx, cfg, (&builder{cfg: cfg}).store, known, func(string) bool { return true })
	var errs []error
	for _, p := range problems {
		text := fmt.Sprintf("store %s: alias %s: %v", p.Store, p.Alias, p.err)
		if _, ok := stored[p.StoreKey]; ok {
			warn(text + "; the key that was read last stays in use")
		} else {
			errs = append(errs, errors.New(text))
		}
	}
	return cfg.WithStored(stored), errors.Join(errs...)
}

// readStoresFirst reads the keys that are in stores before a configuration is put in
// force, and keeps them for the next start.
func readStoresFirst(ctx context.Context, cfg *config.Config, log zerolog.Logger) (*config.Config, error) {
	cfg, err := ReadStores(ctx, cfg, func(message string) { log.Error().Msg(message) })
	if err != nil {
		return nil, err
	}
	if stored, ok := cfg.Stored(); ok {
		if err := os.MkdirAll(cfg.Path(cfg.DataDir), 0o700); err != nil {
			return nil, err
		}
		if err := saveStored(cfg, stored); err != nil {
			return nil, fmt.Errorf("keep the keys of stores: %w", err)
		}
	}
	return cfg, nil
}

// watchStores looks at the stores again as often as each asks for, until ctx ends.
func (a *App) watchStores(ctx context.Context) {
	next, failing := map[string]time.Time{}, map[config.StoreKey]string{}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			a.readStoresDue(ctx, now, next, failing)
		case changed := <-a.changedStores:
			next[changed.name] = time.Time{}
			a.readStoresDue(ctx, time.Now(), next, failing)
			close(changed.read)
		}
	}
}

// changedStore is a store that was changed here.
type changedStore struct {
	name string
	// read is closed when the keys that are in it have been read.
	read chan struct{}
}

// rereadStore has the keys read that agents have from a store, and returns when that is
// done, or ctx ends.
func (a *App) rereadStore(ctx context.Context, name string) {
	changed := changedStore{name, make(chan struct{})}
	select {
	case a.changedStores <- changed:
	case <-ctx.Done():
		return
	}
	select {
	case <-changed.read:
	case <-ctx.Done():
	}
}

// readStoresDue reads the stores that are due, and puts in force what has changed.
func (a *App) readStoresDue(ctx context.Context, now time.Time, next map[string]time.Time, failing map[config.StoreKey]string) {
	cfg := a.latest.Load()
	due := map[string]bool{}
	for _, key := range cfg.StoreKeys() {
		at, ok := next[key.Store]
		if !ok { // It was read when the configuration was put in force.
			next[key.Store] = now.Add(cfg.Stores[key.Store].Every)
		} else if !now.Before(at) {
			due[key.Store] = true
			next[key.Store] = now.Add(cfg.Stores[key.Store].Every)
		}
	}
	if len(due) == 0 {
		return
	}
	known, _ := cfg.Stored()
	opened := a.built.Load().stores
	open := func(name string) (stores.Store, error) {
		store, ok := opened[name]
		if !ok { // What is read is thrown away below.
			return nil, errors.New("another configuration is being put in force")
		}
		return store, nil
	}
	within, cancel := context.WithTimeout(ctx, readStoresWithin)
	defer cancel()
	stored, problems := readStores(within, cfg, open, known, func(name string) bool { return due[name] })
	if ctx.Err() != nil {
		return
	}
	reportStores(a.log, problems, due, failing)
	if maps.Equal(known, stored) {
		return
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	if a.latest.Load() != cfg {
		// Another configuration was put in force meanwhile, whose keys were perhaps
		// read before what was read here was changed.
		for name := range due {
			next[name] = time.Time{}
		}
		return
	}
	if err := a.putStored(cfg.WithStored(stored)); err != nil {
		a.log.Error().Err(err).Msg("the keys of stores do not fit the configuration; those of before stay in use")
		return
	}
	a.log.Info().Int("keys", len(stored)).Msg("keys of stores changed")
}

// putStored puts a configuration in force whose keys from stores are others.
func (a *App) putStored(cfg *config.Config) error {
	built, err := a.build(cfg)
	if err != nil {
		return err
	}
	stored, _ := cfg.Stored()
	if err := saveStored(cfg, stored); err != nil {
		a.log.Error().Err(err).Msg("the keys of stores cannot be kept for the next start")
	}
	a.latest.Store(cfg)
	a.putInForce(built)
	return nil
}

// reportStores logs a problem with a key when it begins, and when it is over.
func reportStores(log zerolog.Logger, problems []storeProblem, due map[string]bool, failing map[config.StoreKey]string) {
	now := map[config.StoreKey]string{}
	for _, p := range problems {
		now[p.StoreKey] = p.err.Error()
		if failing[p.StoreKey] == now[p.StoreKey] {
			continue
		}
		message := "a key cannot be read from its store; the one that was read last stays in use"
		if errors.Is(p.err, stores.ErrNotFound) {
			message = "a key has vanished from its store; the one that was read last stays in use"
		}
		log.Error().Err(p.err).Str("store", p.Store).Str("alias", p.Alias).Msg(message)
	}
	for key := range failing {
		if _, still := now[key]; !still && due[key.Store] {
			log.Info().Str("store", key.Store).Str("alias", key.Alias).Msg("the key is read from its store again")
		}
	}
	maps.DeleteFunc(failing, func(key config.StoreKey, _ string) bool { return due[key.Store] })
	maps.Copy(failing, now)
}
