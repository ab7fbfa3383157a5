package kinds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// Inventory is a job that lists everything a store has.
type Inventory struct {
	// Store is the name of the store. Required.
	Store string `yaml:"store" json:"store"`
}

func (s *Inventory) check() error {
	if s.Store == "" {
		return errStore
	}
	return nil
}

// inventory puts out a standing.StoreEntry for each entry, by alias. What was read of a
// list that broke off is put out as well.
func inventory(ctx context.Context, env Env, settings Inventory, task jobs.Task) (jobs.Report, error) {
	_, store, err := open[stores.Store](env, settings.Store, "")
	if err != nil {
		return jobs.Report{}, err
	}
	entries, err := standing.Inventory(ctx, store, func() {})
	if err != nil {
		err = fmt.Errorf("store %s: the list broke off after %s, what is missing is unknown: %w", settings.Store, count(len(entries), "entry", "entries"), err)
	}
	var expired, disabled, pending int
	var unreadable, incomplete []string
	for _, entry := range entries {
		switch {
		case entry.Problem != "":
			unreadable = append(unreadable, entry.Alias)
		case entry.Disabled:
			disabled++
		case entry.Expired:
			expired++
		}
		if entry.Pending {
			pending++
		}
		if entry.Incomplete != "" {
			incomplete = append(incomplete, entry.Alias)
		}
		if failed := line(task, entry); failed != nil {
			return jobs.Report{}, errors.Join(err, failed)
		}
	}
	parts := []string{count(len(entries), "entry", "entries")}
	for _, part := range []struct {
		n    int
		what string
	}{{expired, "expired"}, {disabled, "disabled"}, {pending, "with a request under way"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if len(unreadable) > 0 {
		parts = append(parts, fmt.Sprintf("%d cannot be read: %s", len(unreadable), some(unreadable)))
	}
	if len(incomplete) > 0 {
		parts = append(parts, fmt.Sprintf("%d cannot be read whole: %s", len(incomplete), some(incomplete)))
	}
	if err != nil {
		return jobs.Report{}, err
	}
	return jobs.Report{Warning: len(unreadable)+len(incomplete) > 0, Message: strings.Join(parts, ", ")}, nil
}
