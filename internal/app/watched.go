package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sealrelay/sealrelay/internal/metrics"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// lookThroughWithin bounds one look through a store.
const lookThroughWithin = 15 * time.Minute

// wholeStore stands for an alias where it is the store itself that needs attention.
const wholeStore = ""

// watchedStore is what is known of a store that is watched.
type watchedStore struct {
	next time.Time
	// known are the aliases that were seen since the start, findings what needs
	// attention, by alias.
	known    map[string]bool
	findings map[string]string
}

// watchStoreEntries looks through the stores that are watched, until ctx ends.
func (a *App) watchStoreEntries(ctx context.Context) {
	stores := map[string]*watchedStore{}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			a.lookThroughDue(ctx, now, stores)
		}
	}
}

// lookThroughDue looks through the stores that are due, and tells what has changed.
func (a *App) lookThroughDue(ctx context.Context, now time.Time, known map[string]*watchedStore) {
	cfg, opened := a.latest.Load(), a.built.Load().stores
	for _, name := range slices.Sorted(maps.Keys(cfg.Stores)) {
		watch := cfg.Stores[name].Watch
		if watch == nil || opened[name] == nil {
			delete(known, name)
			continue
		}
		w := known[name]
		if w == nil {
			w = &watchedStore{known: map[string]bool{}, findings: map[string]string{}}
			known[name] = w
		}
		if now.Before(w.next) {
			continue
		}
		w.next = now.Add(watch.Every)
		within, cancel := context.WithTimeout(ctx, lookThroughWithin)
		entries, err := standing.Inventory(within, opened[name], func() {})
		cancel()
		if ctx.Err() != nil {
			return
		}
		a.reportWatched(name, w, w.find(entries, err, now, watch.ExpiresWithin))
	}
	a.observed.watched.set(known)
}

// find returns what needs attention. What is missing in a list that broke off has not
// vanished.
func (w *watchedStore) find(entries []standing.StoreEntry, err error, now time.Time, within time.Duration) map[string]string {
	found, there := map[string]string{}, map[string]bool{}
	for _, entry := range entries {
		there[entry.Alias] = true
		if text := attention(entry, now, within); text != "" {
			found[entry.Alias] = text
		}
	}
	if err != nil {
		found[wholeStore] = fmt.Sprintf("the list broke off after %d entries: %v", len(entries), err)
	}
	for alias := range w.known {
		switch {
		case there[alias]:
		case err == nil:
			found[alias] = "vanished from the store"
		case w.findings[alias] != "":
			found[alias] = w.findings[alias]
		}
	}
	maps.Copy(w.known, there)
	return found
}

// attention is why somebody has to look at an entry; empty if nobody has.
func attention(entry standing.StoreEntry, now time.Time, within time.Duration) string {
	switch {
	case entry.Problem != "", entry.Disabled, entry.Expired:
		return entry.State()
	case entry.NotAfter != nil && entry.NotAfter.Before(now.Add(within)):
		return "expires at " + entry.NotAfter.UTC().Format(time.RFC3339)
	}
	return cmp.Or(entry.Policy, entry.Incomplete)
}

// reportWatched logs a finding when it begins or is another one, and when it is over.
func (a *App) reportWatched(store string, w *watchedStore, now map[string]string) {
	for _, alias := range slices.Sorted(maps.Keys(now)) {
		if w.findings[alias] != now[alias] {
			a.log.Warn().Err(errors.New(now[alias])).Str("store", store).Str("alias", alias).Msg("a store needs attention")
		}
	}
	for _, alias := range slices.Sorted(maps.Keys(w.findings)) {
		if now[alias] == "" {
			a.log.Info().Str("store", store).Str("alias", alias).Msg("what needed attention in a store is over")
		}
	}
	w.findings = now
}

// watchedStores are the numbers of findings that /metrics shows.
type watchedStores struct {
	mu       sync.Mutex
	findings map[string]int
}

func (s *watchedStores) set(known map[string]*watchedStore) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.findings = map[string]int{}
	for name, w := range known {
		s.findings[name] = len(w.findings)
	}
}

func (s *watchedStores) write(page *metrics.Page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.findings) == 0 {
		return
	}
	page.Family("sealrelay_store_findings", metrics.GaugeType, "Entries of a store that is watched that need attention: they expire soon, fail the policy, are disabled, cannot be read, or have vanished.")
	for _, name := range slices.Sorted(maps.Keys(s.findings)) {
		page.Sample("sealrelay_store_findings", float64(s.findings[name]), metrics.Label{Name: "store", Value: name})
	}
}
