package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// definition is the job of that name: one of the configuration, or an inventory that
// follows a change.
func (d *Desk) definition(name string) (Definition, error) {
	if of, ok := strings.CutPrefix(name, ownInventories); ok {
		store, runner, _ := strings.Cut(of, "@")
		return ownInventory(store, runner), nil
	}
	definitions := d.Definitions()
	definition, ok := definitions[name]
	if !ok {
		return Definition{}, fmt.Errorf("%w: %q; there are %s", ErrUnknownJob, name, strings.Join(slices.Sorted(maps.Keys(definitions)), ", "))
	}
	return definition, nil
}

// present is a run with what its job is now. Of what the run was added with only the
// parameters count: whoever can write to the outbox's file has nothing done that the
// configuration does not say, and a run that waited long does nothing that it does not
// say any more.
func (d *Desk) present(run outbox.Run) (outbox.Run, error) {
	definition, err := d.definition(run.Job)
	if err != nil {
		return run, err
	}
	if definition.Kind != run.Kind || definition.Runner != run.Runner {
		return run, fmt.Errorf("job %s is another one now; start it anew", run.Job)
	}
	run.Timeout = definition.Timeout
	run.Settings, err = withParameters(definition, parametersOf(run.Settings))
	return run, err
}

// parametersOf are those that a run was added with.
func parametersOf(settings []byte) map[string]any {
	var has struct {
		Parameters map[string]any `json:"parameters"`
	}
	if decode(settings, &has) != nil {
		return nil
	}
	return has.Parameters
}

// withParameters are the settings of a job with parameters beside those that are there.
func withParameters(definition Definition, parameters map[string]any) (json.RawMessage, error) {
	switch {
	case definition.Kind != KindCustom && len(parameters) == 0:
		return definition.Settings, nil
	case definition.Kind != KindCustom:
		return nil, fmt.Errorf("%w: only those of the kind %s take any", ErrParameters, KindCustom)
	}
	settings := map[string]any{}
	if err := decode(definition.Settings, &settings); err != nil {
		return nil, fmt.Errorf("settings of job %s: %w", definition.Name, err)
	}
	merged, _ := settings["parameters"].(map[string]any)
	if merged == nil {
		merged = map[string]any{}
	}
	maps.Copy(merged, parameters)
	if definition.CheckParameters != nil {
		if err := definition.CheckParameters(merged); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrParameters, err)
		}
	}
	settings["parameters"] = merged
	return json.Marshal(settings)
}

// decode reads JSON; a whole number stays what it is.
func decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(into)
}
