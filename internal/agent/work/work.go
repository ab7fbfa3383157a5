// Package work has an agent do jobs of the service, as far as the agent's own
// configuration allows them. A service that somebody broke into can ask for no more: not
// for another kind of job, a command line, a store or a file that this configuration does
// not name.
package work

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	storekinds "github.com/sealrelay/sealrelay/agentkeys/stores/kinds"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/jobs/command"
	"github.com/sealrelay/sealrelay/internal/jobs/kinds"
)

// Azure is what jobs do in Azure. It is the zero value in a program without the SDK.
type Azure struct {
	// KeyVault makes a store of its part of a configuration.
	KeyVault func(decode func(into any) error) (stores.Store, error)
	// Discover is that of kinds.Env.
	Discover map[string]func(settings json.RawMessage) (stores.Discoverer, error)
}

// Options are what an agent's jobs need.
type Options struct {
	// Work is where the runs come from.
	Work  jobs.Work
	Azure Azure
	// Logs writes the last lines of the agent's log; nil if none are kept.
	Logs func(io.Writer) error
	Log  zerolog.Logger
}

// New returns what does the jobs that the configuration allows.
func New(c *config.Config, o Options) (*jobs.Runner, error) {
	opened, err := open(c, o.Azure)
	if err != nil {
		return nil, err
	}
	allowed := allow(c.Jobs.Kinds, kinds.New(kinds.Env{
		Store: func(name string) (stores.Store, error) {
			store, ok := opened[name]
			if !ok {
				return nil, fmt.Errorf("jobs.stores of the agent has no store %q", name)
			}
			return store, nil
		},
		Command: func(name string) (command.Command, bool) {
			found, ok := c.Jobs.Commands[name]
			return found, ok
		},
		Path: pathsOf(c).within, Logs: o.Logs, Discover: o.Azure.Discover,
	}))
	return jobs.NewRunner(jobs.RunnerOptions{
		Work: o.Work, Kinds: func() map[string]jobs.Kind { return allowed }, Together: c.Jobs.Together, Log: o.Log,
	}), nil
}

// open opens the stores, by name.
func open(c *config.Config, azure Azure) (map[string]stores.Store, error) {
	opened := map[string]stores.Store{}
	for _, name := range slices.Sorted(maps.Keys(c.Jobs.Stores)) {
		kind, settings, err := c.Jobs.Stores[name].Place()
		if err != nil {
			return nil, fmt.Errorf("store %s: %w", name, err)
		}
		opened[name], err = storekinds.New(kind, storekinds.Settings{Decode: settings.Decode, Path: c.Path, KeyVault: azure.KeyVault})
		if err != nil {
			return nil, fmt.Errorf("store %s: %w", name, err)
		}
	}
	return opened, nil
}

func pathsOf(c *config.Config) folders {
	var found folders
	for _, folder := range c.Jobs.Folders {
		found = append(found, c.Path(folder))
	}
	return found
}

// allow leaves those kinds; each other one fails and says so.
func allow(names []string, all map[string]jobs.Kind) map[string]jobs.Kind {
	allowed := map[string]jobs.Kind{}
	for name, kind := range all {
		if !slices.Contains(names, name) {
			kind = func(context.Context, jobs.Task) (jobs.Report, error) {
				return jobs.Report{}, fmt.Errorf("the agent's own configuration allows no jobs of the kind %s; jobs.kinds has %s", name, strings.Join(names, ", "))
			}
		}
		allowed[name] = kind
	}
	return allowed
}
