// Package command is the operator's own executables that jobs run: what they are, which
// parameters they take, and how one is run. docs/jobs.md has the contract.
package command

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// Command is a program of yours that jobs of kind `custom` may run.
type Command struct {
	// Run is the program, by its absolute path, and its arguments. No shell reads them,
	// and no parameter is among them. Required.
	Run []string `yaml:"run" json:"run"`
	// Parameters are those that a job may set, by name: letters, digits, _ and -, a
	// letter first. Default: none
	Parameters map[string]Parameter `yaml:"parameters" json:"parameters,omitempty"`
}

// Parameter is a value that a job gives to a command.
type Parameter struct {
	// Type is string, int, date (2026-01-31) or bool. Required.
	Type string `yaml:"type" json:"type"`
	// Required has a job without it refused. Default: false
	Required bool `yaml:"required" json:"required,omitempty"`
	// Default is what a job without it gives. Default: it is left out then
	Default any `yaml:"default" json:"default,omitempty"`
	// Choices are the values that a string may have. Default: any
	Choices []string `yaml:"choices" json:"choices,omitempty"`
}

// maxParameters is how many parameters a command may have.
const maxParameters = 100

var nameRule = lazyregexp.New(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)

// Check says everything that is wrong with the command. That the program is there is
// not checked before it is run.
func (c Command) Check() error {
	var wrong []error
	switch {
	case len(c.Run) == 0:
		wrong = append(wrong, errors.New("run is required: name the program and its arguments"))
	case !filepath.IsAbs(c.Run[0]):
		wrong = append(wrong, errors.New("run does not begin with the absolute path of a program"))
	case strings.ContainsRune(strings.Join(c.Run, ""), 0):
		wrong = append(wrong, errors.New("run has a NUL byte"))
	}
	if len(c.Parameters) > maxParameters {
		wrong = append(wrong, fmt.Errorf("there are more than %d parameters", maxParameters))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		if !nameRule().MatchString(name) {
			wrong = append(wrong, errors.New("parameters: a name is not letters, digits, _ and -, a letter first, 64 at most"))
			continue
		}
		if err := c.Parameters[name].check(); err != nil {
			wrong = append(wrong, fmt.Errorf("parameter %s: %w", name, err))
		}
	}
	return errors.Join(wrong...)
}

func (p Parameter) check() error {
	read, known := types[p.Type]
	switch {
	case p.Type == "":
		return errors.New("type is required: string, int, date or bool")
	case !known:
		return errors.New("type is not string, int, date or bool")
	case len(p.Choices) > 0 && p.Type != "string":
		return errors.New("choices are for strings only")
	case p.Required && p.Default != nil:
		return errors.New("it is required, so that a default has no use")
	case p.Default == nil:
		return nil
	}
	if _, err := p.value(read, p.Default); err != nil {
		return fmt.Errorf("default: %w", err)
	}
	return nil
}

// Values checks the parameters that a job gives, and returns them with the defaults of
// those that it does not: string, int64 and bool, a date as the string 2026-01-31. The
// error says everything that is wrong and repeats no value.
func (c Command) Values(given map[string]any) (map[string]any, error) {
	var wrong []error
	values := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := c.Parameters[name]; !ok {
			wrong = append(wrong, fmt.Errorf("there is no parameter %.64q; %s", name, c.names()))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		parameter := c.Parameters[name]
		value, set := given[name]
		switch {
		case !set && parameter.Required:
			wrong = append(wrong, fmt.Errorf("parameter %s is required", name))
			continue
		case !set && parameter.Default == nil:
			continue
		case !set:
			value = parameter.Default
		}
		read, err := parameter.value(types[parameter.Type], value)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("parameter %s: %w", name, err))
			continue
		}
		values[name] = read
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return values, nil
}

func (c Command) names() string {
	if len(c.Parameters) == 0 {
		return "the command takes none"
	}
	return "there are " + strings.Join(slices.Sorted(maps.Keys(c.Parameters)), ", ")
}

func (p Parameter) value(read func(any) (any, error), given any) (any, error) {
	value, err := read(given)
	if err != nil {
		return nil, err
	}
	if text, ok := value.(string); ok && len(p.Choices) > 0 && !slices.Contains(p.Choices, text) {
		return nil, fmt.Errorf("it is none of %s", strings.Join(p.Choices, ", "))
	}
	return value, nil
}
