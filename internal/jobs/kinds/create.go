package kinds

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/jobs"
)

// Create is a job that makes a store that is configured and not there yet.
type Create struct {
	// Store is the name of the store. Required.
	Store string `yaml:"store" json:"store"`
}

func (s *Create) check() error {
	if s.Store == "" {
		return errStore
	}
	return nil
}

// create puts out the outcome. A store that is there already is a warning.
func create(ctx context.Context, env Env, settings Create, task jobs.Task) (jobs.Report, error) {
	_, creator, err := open[stores.Creator](env, settings.Store, "a store of this kind cannot be made here")
	if err != nil {
		return jobs.Report{}, err
	}
	outcome, err := creator.Create(ctx, false)
	if errors.Is(err, stores.ErrExists) {
		return jobs.Report{Warning: true, Message: settings.Store + ": there already, nothing made"}, nil
	}
	if err != nil {
		return jobs.Report{}, fmt.Errorf("store %s: %w", settings.Store, err)
	}
	return changed(task, settings.Store, "", outcome)
}
