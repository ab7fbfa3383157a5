package adapters

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/sealrelay/sealrelay/hooks"
)

// Names has the settings by which an adapter makes secrets' names of what its
// product calls them. They are the same for every adapter whose messages have
// names but no values.
type Names struct {
	// SecretPrefix is put before the product's name, as it is: "prod/".
	SecretPrefix string `yaml:"secret_prefix"`
	// SecretNames has the secrets of names that the product knows otherwise:
	// the product's name to one secret or several, in full. SecretPrefix does
	// not go before them.
	SecretNames map[string][]string `yaml:"secret_names"`
}

// check finds what is wrong with the settings.
func (n Names) check() error {
	var errs []error
	for _, told := range slices.Sorted(maps.Keys(n.SecretNames)) {
		if len(n.SecretNames[told]) == 0 {
			errs = append(errs, errors.New("secret_names: an entry names no secret"))
		}
		for _, name := range n.SecretNames[told] {
			if err := hooks.CheckName(name); err != nil {
				errs = append(errs, fmt.Errorf("secret_names: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}

// of are the secrets that the product calls told. That their names are
// well-formed and may be written is the intake's to check.
func (n Names) of(told string) []string {
	if names, found := n.SecretNames[told]; found {
		return names
	}
	return []string{n.SecretPrefix + told}
}

// changed makes the events of a message that tells of change without a value:
// one for each secret that the product calls told. An event ID that stands for
// several of them gets a number behind it, so that no two events share one.
func (n Names) changed(event hooks.Event, told string) []hooks.Event {
	names := n.of(told)
	events := make([]hooks.Event, 0, len(names))
	for i, name := range names {
		one := event
		one.Operation, one.Secret = hooks.Changed, name
		if event.ID != "" && len(names) > 1 {
			one.ID += "/" + strconv.Itoa(i)
		}
		events = append(events, one)
	}
	return events
}
