package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	shared "github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/jobs/command"
	"github.com/sealrelay/sealrelay/internal/jobs/kinds"
)

// Jobs says which jobs of the service the agent does. The service says what is to be
// done and when; what it may have done on this host, and with what, is said here alone.
type Jobs struct {
	// Kinds are the kinds of jobs that are done; a run of another one is refused before
	// it begins. Required.
	Kinds []string `yaml:"kinds"`
	// Stores are the certificate stores that a job may name, each with the kind and
	// settings that the service's configuration has under stores. Default: none
	Stores map[string]Store `yaml:"stores"`
	// Commands are those that a job of the kind custom may name, as the service's
	// configuration has them under commands. Default: none
	Commands map[string]command.Command `yaml:"commands"`
	// Folders are those below which the files and folders must be that a job names.
	// Default: none, a job names no file
	Folders []string `yaml:"folders"`
	// Together is how many are done at once, 1 to 16. Default: 1
	Together int `yaml:"together"`
}

// Store is a certificate store: one entry that names the kind and has its settings.
type Store struct {
	Kind map[string]shared.Settings `yaml:",inline"`
}

// Place is the kind and settings of the store.
func (s Store) Place() (string, shared.Settings, error) { return shared.Store{Kind: s.Kind}.Place() }

// mostTogether bounds Jobs.Together.
const mostTogether = 16

func (c *Config) checkJobs(ch *checker) {
	if c.Jobs == nil {
		return
	}
	if c.Mailbox == nil {
		ch.add("jobs: needs mailbox, which says where the service is")
	}
	if len(c.Jobs.Kinds) == 0 {
		ch.add("jobs: kinds is missing; it takes those that the agent does, of %s", strings.Join(kinds.Names(), ", "))
	}
	for i, kind := range c.Jobs.Kinds {
		if !slices.Contains(kinds.Names(), kind) {
			ch.add("jobs: kinds: entry %d is none of %s", i+1, strings.Join(kinds.Names(), ", "))
		}
	}
	for i, name := range slices.Sorted(maps.Keys(c.Jobs.Stores)) {
		if _, _, err := c.Jobs.Stores[name].Place(); err != nil {
			ch.add("jobs: stores: entry %d by name: %w", i+1, err)
		}
	}
	for i, name := range slices.Sorted(maps.Keys(c.Jobs.Commands)) {
		if err := c.Jobs.Commands[name].Check(); err != nil {
			ch.add("jobs: commands: entry %d by name: %w", i+1, err)
		}
	}
	for i, folder := range c.Jobs.Folders {
		ch.required(fmt.Sprintf("jobs: folders: entry %d", i+1), folder)
	}
	if c.Jobs.Together < 1 || c.Jobs.Together > mostTogether {
		ch.add("jobs: together must be 1 to %d", mostTogether)
	}
}
