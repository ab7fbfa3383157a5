package standing

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/config"
)

// CertificateStore is a store of the configuration as it is shown.
type CertificateStore struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Every is how often the keys are looked at that are taken from it, Keys their
	// aliases.
	Every string   `json:"every"`
	Keys  []string `json:"keys"`
}

// Stores are those of the configuration, by name.
func Stores(cfg *config.Config) []CertificateStore {
	shown := []CertificateStore{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Stores)) {
		kind, _, _ := cfg.Stores[name].Place() // The configuration was checked.
		store := CertificateStore{Name: name, Kind: kind, Every: cfg.Stores[name].Every.String(), Keys: []string{}}
		for _, key := range cfg.StoreKeys() {
			if key.Store == name {
				store.Keys = append(store.Keys, key.Alias)
			}
		}
		shown = append(shown, store)
	}
	return shown
}

// StoreEntry is an entry of a store as it is shown.
type StoreEntry struct {
	Alias       string            `json:"alias"`
	Kind        string            `json:"kind,omitempty"`
	Subject     string            `json:"subject,omitempty"`
	Issuer      string            `json:"issuer,omitempty"`
	NotBefore   *time.Time        `json:"not_before,omitempty"`
	NotAfter    *time.Time        `json:"not_after,omitempty"`
	Fingerprint string            `json:"fingerprint,omitempty"`
	KeyID       string            `json:"key_id,omitempty"`
	Chain       []string          `json:"chain,omitempty"`
	PrivateKey  string            `json:"private_key,omitempty"`
	Version     string            `json:"version,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Disabled    bool              `json:"disabled,omitempty"`
	Expired     bool              `json:"expired,omitempty"`
	Pending     bool              `json:"pending,omitempty"`
	// Policy is why nothing may be sealed to it.
	Policy  string `json:"policy,omitempty"`
	Problem string `json:"problem,omitempty"`
	// Incomplete is what of it could not be read, and why.
	Incomplete string `json:"incomplete,omitempty"`
}

// ShowEntry is the entry as it is shown, with what the policy says of it at now.
func ShowEntry(entry stores.Entry, now time.Time) StoreEntry {
	view := StoreEntry{Alias: entry.Alias, PrivateKey: string(entry.Private), Version: entry.Version, Tags: entry.Tags, Disabled: entry.Disabled, Pending: entry.Pending}
	if entry.Problem != nil {
		view.Problem = entry.Problem.Error()
		return view
	}
	if entry.Incomplete != nil {
		view.Incomplete = entry.Incomplete.Error()
	}
	if entry.Key == nil {
		return view
	}
	view.Kind, view.Fingerprint, view.KeyID = entry.Key.Kind(), entry.Key.Fingerprint(), entry.Key.ID()
	if certificate := entry.Key.Certificate; certificate != nil {
		view.Subject, view.Issuer = certificate.Subject.String(), certificate.Issuer.String()
	}
	for _, certificate := range entry.Key.Intermediates {
		view.Chain = append(view.Chain, certificate.Subject.String())
	}
	if !entry.Key.NotAfter.IsZero() {
		view.NotBefore, view.NotAfter = &entry.Key.NotBefore, &entry.Key.NotAfter
		view.Expired = now.After(entry.Key.NotAfter)
	}
	if key, err := agentkeys.FromPublic(entry.Key, agentkeys.Requirements{}); err != nil {
		view.Policy = err.Error()
	} else if err := key.Check(now); err != nil {
		view.Policy = err.Error()
	}
	return view
}

// State is the entry's in a word or a sentence.
func (e StoreEntry) State() string {
	switch {
	case e.Problem != "":
		return e.Problem
	case e.Disabled:
		return "disabled"
	case e.Pending:
		return "a request is under way"
	case e.Expired:
		return "expired"
	case e.Policy != "":
		return e.Policy
	case e.Incomplete != "":
		return e.Incomplete
	}
	return "ok"
}

// Inventory are all entries of a store, by alias. With an error they are those that were
// read before; what is missing is unknown then. read is called after each.
func Inventory(ctx context.Context, store stores.Store, read func()) (entries []StoreEntry, err error) {
	now := time.Now()
	entries = []StoreEntry{}
	for entry, failed := range store.Inventory(ctx) {
		if failed != nil {
			err = failed
			break
		}
		entries = append(entries, ShowEntry(entry, now))
		read()
	}
	slices.SortFunc(entries, func(a, b StoreEntry) int { return strings.Compare(a.Alias, b.Alias) })
	return entries, err
}

// StoreOutcome is what a change of a store did as it is shown.
type StoreOutcome struct {
	Alias   string   `json:"alias,omitempty"`
	Did     string   `json:"did"`
	DryRun  bool     `json:"dry_run,omitempty"`
	Version string   `json:"version,omitempty"`
	Notes   []string `json:"notes,omitempty"`
}

// ShowOutcome is the outcome as it is shown.
func ShowOutcome(alias string, outcome stores.Outcome, dryRun bool) StoreOutcome {
	return StoreOutcome{Alias: alias, Did: string(outcome.Did), DryRun: dryRun, Version: outcome.Version, Notes: outcome.Notes}
}

// FoundStore is a store that was found, or a place that could not be searched, as it is
// shown.
type FoundStore struct {
	Kind    string            `json:"kind"`
	Path    string            `json:"path"`
	About   map[string]string `json:"about,omitempty"`
	Problem string            `json:"problem,omitempty"`
}

// ShowFound is it as it is shown.
func ShowFound(found stores.Found) FoundStore {
	shown := FoundStore{Kind: found.Kind, Path: found.Path, About: found.About}
	if found.Problem != nil {
		shown.Problem = found.Problem.Error()
	}
	return shown
}
