package kinds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/jobs/command"
)

// Custom is a job that runs a command of yours.
type Custom struct {
	// Command is the name of the command. Required.
	Command string `yaml:"command" json:"command"`
	// Parameters are its parameters, by name. Default: none
	Parameters map[string]any `yaml:"parameters" json:"parameters,omitempty"`
}

// check makes texts of dates, as JSON has none. Whether the command takes the parameters
// is known where it is run.
func (s *Custom) check() error {
	if s.Command == "" {
		return errors.New("command is required")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Parameters)) {
		switch value := s.Parameters[name].(type) {
		case string, bool, int, int64, uint64, json.Number:
		default:
			return fmt.Errorf("parameters: %.64q is no string, whole number, date, or true or false", name)
		case time.Time:
			if !value.Equal(value.UTC().Truncate(24 * time.Hour)) {
				return fmt.Errorf("parameters: %.64q is no date such as 2026-01-31", name)
			}
			s.Parameters[name] = value.UTC().Format(time.DateOnly)
		}
	}
	return nil
}

// custom puts out what the command does.
func custom(ctx context.Context, env Env, settings Custom, task jobs.Task) (jobs.Report, error) {
	program, ok := env.Command(settings.Command)
	if !ok {
		return jobs.Report{}, fmt.Errorf("there is no command %q here", settings.Command)
	}
	values, err := program.Values(settings.Parameters)
	if err != nil {
		return jobs.Report{}, fmt.Errorf("command %s: %w", settings.Command, err)
	}
	result, err := program.Do(ctx, command.Call{Job: task.Job, Run: task.ID, Parameters: values}, task.Output, jobs.MaxCommandOutput)
	if err != nil {
		return jobs.Report{}, err
	}
	report := jobs.Report{Warning: result.Warning, Message: result.Message}
	if result.Cut {
		report.Message = fmt.Sprintf("output beyond %d bytes was left out; %s", jobs.MaxCommandOutput, result.Message)
	}
	return report, nil
}
