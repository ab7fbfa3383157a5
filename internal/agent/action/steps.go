package action

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/render"
	shared "github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/file"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// started tells half-written files of earlier runs from those of this one.
var started = time.Now()

// steps are what an action does, in the order of its fields.
type steps struct {
	folder    deliver.Destination // nil for none
	templates []templateStep
	act       []func(context.Context) error
	open      render.Opener
}

type templateStep struct {
	template *render.Template
	to       render.Target
}

func newSteps(c *config.Config, action *config.Action, open render.Opener) (*steps, error) {
	s := &steps{open: open}
	if action.LayOut != nil {
		var err error
		if s.folder, err = newFolder(c, action.LayOut); err != nil {
			return nil, fmt.Errorf("lay_out: %w", err)
		}
	}
	for i, wanted := range action.Render {
		step, err := newTemplate(c, wanted)
		if err != nil {
			return nil, fmt.Errorf("render: entry %d: %w", i+1, err)
		}
		s.templates = append(s.templates, step)
	}
	if len(action.Run) > 0 {
		s.act = append(s.act, command(action.Run))
	}
	if action.Signal != nil {
		s.act = append(s.act, signalling(c.Path(action.Signal.PIDFile), action.Signal.Name))
	}
	if action.Touch != "" {
		s.act = append(s.act, touch(c.Path(action.Touch)))
	}
	return s, nil
}

// newFolder is the service's destination of the same kind: what a job reads is
// laid out in one way, whoever did it.
func newFolder(c *config.Config, wanted *config.LayOut) (deliver.Destination, error) {
	return file.New(deliver.Settings{
		Decode: func(into any) error {
			settings, ok := into.(*file.Config)
			if !ok {
				return errors.New("the destination file has other settings than this program knows")
			}
			*settings = file.Config{Dir: wanted.Dir, Mode: wanted.Mode, Owner: wanted.Owner}
			return nil
		},
		Path: c.Path,
	})
}

func newTemplate(c *config.Config, wanted config.Render) (templateStep, error) {
	target, err := render.NewTarget(c.Path(wanted.To), wanted.Mode, wanted.Owner, wanted.AllowDisk)
	if err != nil {
		return templateStep{}, err
	}
	text, err := shared.ReadBounded(c.Path(wanted.Template))
	if err != nil {
		return templateStep{}, err
	}
	parsed, err := render.Parse(filepath.Base(wanted.Template), string(text))
	return templateStep{parsed, target}, err
}

// take does all of the steps. On an error what was rendered before is there
// again.
func (s *steps) take(ctx context.Context, changes []Change) error {
	before, err := s.lay(ctx, changes)
	defer wipe(before)
	if err != nil {
		return err
	}
	for _, act := range s.act {
		if err := act(ctx); err != nil {
			return s.undo(err, before)
		}
	}
	return nil
}

func (s *steps) prepare(ctx context.Context, changes []Change) error {
	for _, step := range s.templates {
		if err := step.to.Sweep(started); err != nil {
			return err
		}
	}
	before, err := s.lay(ctx, changes)
	wipe(before)
	return err
}

// lay lays out and renders. It returns what the rendered files held before; they
// hold it still if there is an error.
func (s *steps) lay(ctx context.Context, changes []Change) (before []*secretbytes.Value, err error) {
	if s.folder != nil {
		for _, change := range changes {
			if _, err := s.folder.Deliver(ctx, change); err != nil {
				return nil, fmt.Errorf("lay out: %w", err)
			}
		}
	}
	outputs := make([]*secretbytes.Value, len(s.templates))
	defer func() { wipe(outputs) }()
	for i, step := range s.templates {
		if outputs[i], err = step.template.Render(s.open); err != nil {
			return nil, fmt.Errorf("render %s: %w; what was rendered before is kept", filepath.Base(step.to.Path), err)
		}
	}
	for i, step := range s.templates {
		current, err := step.to.Current()
		if err == nil {
			before = append(before, current)
			err = step.to.Write(outputs[i])
		}
		if err != nil {
			err = s.undo(fmt.Errorf("render: %w", err), before)
			wipe(before)
			return nil, err
		}
	}
	return before, nil
}

// undo puts back what the first files held, and says so beside the cause.
func (s *steps) undo(cause error, before []*secretbytes.Value) error {
	if len(before) == 0 {
		return cause
	}
	for i, value := range before {
		if err := s.templates[i].to.Restore(value); err != nil {
			return fmt.Errorf("%w; what was rendered before could not be put back: %w", cause, err)
		}
	}
	return fmt.Errorf("%w; what was rendered before is put back", cause)
}

func wipe(values []*secretbytes.Value) {
	for _, value := range values {
		value.Wipe()
	}
}
