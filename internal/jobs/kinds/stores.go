package kinds

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// Target is an entry of a store.
type Target struct {
	// Store is the name of the store. Required.
	Store string `yaml:"store" json:"store"`
	// Alias is the entry's in it. Required.
	Alias string `yaml:"alias" json:"alias"`
}

func (t Target) check() error {
	switch {
	case t.Store == "":
		return errStore
	case t.Alias == "":
		return errors.New("alias is required")
	}
	return nil
}

var errStore = errors.New("store is required")

// open opens a store as one that can do what T does; verb is that in words.
func open[T any](env Env, name, verb string) (stores.Store, T, error) {
	var able T
	store, err := env.Store(name)
	if err != nil {
		return nil, able, fmt.Errorf("store %s: %w", name, err)
	}
	able, ok := store.(T)
	if !ok {
		return nil, able, fmt.Errorf("store %s: %w: %s", name, stores.ErrInvalid, verb)
	}
	return store, able, nil
}

// changed reports a change of a store.
func changed(task jobs.Task, store, alias string, outcome stores.Outcome) (jobs.Report, error) {
	name := alias
	if name == "" {
		name = store
	}
	report := jobs.Report{Message: strings.Join(append([]string{fmt.Sprintf("%s: %s", name, outcome.Did)}, outcome.Notes...), "; ")}
	if outcome.Did != stores.DidNothing {
		report.Changed = store
	}
	return report, line(task, standing.ShowOutcome(name, outcome, false))
}

// shownOf is how many of several names a message has.
const shownOf = 5

// some are the first of the names, for a message.
func some(names []string) string {
	shown := make([]string, 0, shownOf)
	for _, name := range names[:min(len(names), shownOf)] {
		shown = append(shown, fmt.Sprintf("%.80q", name))
	}
	text := strings.Join(shown, ", ")
	if len(names) > shownOf {
		text += " and others"
	}
	return text
}

// count is a number of things in words.
func count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
