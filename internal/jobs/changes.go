package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// named is how many aliases of each sort a message names.
const named = 5

// changes says in what an inventory differs from the one of the same job before it;
// empty if there is none or it does not differ.
func (d *Desk) changes(ctx context.Context, run outbox.Run) (string, error) {
	earlier, err := d.Jobs.Runs(ctx, outbox.RunFilter{
		Job: run.Job, Runner: run.Runner, OnService: run.Runner == "", Kind: KindInventory, States: []outbox.RunState{outbox.RunEnded},
		Results: []outbox.RunResult{outbox.RunSuccess, outbox.RunWarning}, Before: run.ID, Limit: 1,
	})
	if err != nil || len(earlier) == 0 || store(earlier[0].Settings) != store(run.Settings) {
		return "", err
	}
	before, err := d.entries(ctx, earlier[0].ID)
	if err != nil {
		return "", err
	}
	now, err := d.entries(ctx, run.ID)
	if err != nil {
		return "", err
	}
	return compare(before, now), nil
}

// entry is what is compared of an entry of a store.
type entry struct {
	digest [sha256.Size]byte
	// unreadable: what the entry has is not known.
	unreadable bool
}

// entries are those of an inventory, by alias.
func (d *Desk) entries(ctx context.Context, id string) (map[string]entry, error) {
	found := map[string]entry{}
	var rest []byte
	err := d.Jobs.Output(ctx, id, func(chunk []byte) error {
		lines := append(rest, chunk...)
		for {
			line, after, whole := bytes.Cut(lines, []byte("\n"))
			if !whole {
				break
			}
			if err := readEntry(line, found); err != nil {
				return err
			}
			lines = after
		}
		rest = bytes.Clone(lines)
		return nil
	})
	return found, err
}

// readEntry reads a line of an inventory. What changes by itself as time goes by is not
// compared.
func readEntry(line []byte, into map[string]entry) error {
	var shown struct {
		Alias       string            `json:"alias"`
		Fingerprint string            `json:"fingerprint"`
		KeyID       string            `json:"key_id"`
		Version     string            `json:"version"`
		Tags        map[string]string `json:"tags"`
		Disabled    bool              `json:"disabled"`
		Problem     string            `json:"problem"`
	}
	if err := json.Unmarshal(line, &shown); err != nil {
		return fmt.Errorf("a line of the inventory: %w", err)
	}
	unreadable := shown.Problem != ""
	encoded, err := json.Marshal(shown) // Maps are written in the order of their keys.
	if err != nil {
		return err
	}
	into[shown.Alias] = entry{sha256.Sum256(encoded), unreadable}
	return nil
}

// compare says what differs. An entry that could not be read, then or now, has not
// changed as far as anybody knows.
func compare(before, now map[string]entry) string {
	var added, changed, vanished []string
	for alias, e := range now {
		old, there := before[alias]
		switch {
		case !there:
			added = append(added, alias)
		case !old.unreadable && !e.unreadable && old.digest != e.digest:
			changed = append(changed, alias)
		}
	}
	for alias := range before {
		if _, there := now[alias]; !there {
			vanished = append(vanished, alias)
		}
	}
	var told []string
	for _, sort := range []struct {
		verb    string
		aliases []string
	}{{"added", added}, {"changed", changed}, {"vanished", vanished}} {
		if len(sort.aliases) > 0 {
			told = append(told, fmt.Sprintf("%d %s (%s)", len(sort.aliases), sort.verb, some(sort.aliases)))
		}
	}
	if len(told) == 0 {
		return ""
	}
	return "since the last time: " + strings.Join(told, ", ")
}

func some(aliases []string) string {
	slices.Sort(aliases)
	if len(aliases) > named {
		return strings.Join(aliases[:named], ", ") + ", ..."
	}
	return strings.Join(aliases, ", ")
}
