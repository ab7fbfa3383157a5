package kinds

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/jobs"
)

// Remove is a job that takes an entry out of a store.
type Remove struct {
	Target `yaml:",inline"`
	// Purge removes for good what the store would keep for recovery. Default: false
	Purge bool `yaml:"purge" json:"purge,omitempty"`
}

// remove puts out the outcome. An entry that is not there is a warning.
func remove(ctx context.Context, env Env, settings Remove, task jobs.Task) (jobs.Report, error) {
	_, remover, err := open[stores.Remover](env, settings.Store, "nothing can be taken out of a store of this kind")
	if err != nil {
		return jobs.Report{}, err
	}
	outcome, err := remover.Remove(ctx, stores.Removal{Alias: settings.Alias, Purge: settings.Purge})
	if errors.Is(err, stores.ErrNotFound) {
		return jobs.Report{Warning: true, Message: settings.Alias + ": not there, nothing removed"}, nil
	}
	if err != nil {
		return jobs.Report{}, fmt.Errorf("store %s: %s: %w", settings.Store, settings.Alias, err)
	}
	return changed(task, settings.Store, settings.Alias, outcome)
}
