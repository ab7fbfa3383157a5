// Package kinds is the table of the kinds of jobs: what each does, and the settings it
// has. docs/jobs.md is their manual.
package kinds

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/jobs/command"
)

// Env is what jobs work on where they are done. What is in it is safe for concurrent
// use.
type Env struct {
	// Store opens a store by its name.
	Store func(name string) (stores.Store, error)
	// Command is the operator's command of that name.
	Command func(name string) (command.Command, bool)
	// Path says what a path of the settings stands for, or why it must not be used; nil
	// for a program that trusts whoever wrote the settings with all that it can reach: any
	// absolute one then.
	Path func(path string) (string, error)
	// Logs writes the program's last log lines; nil if it keeps none.
	Logs func(io.Writer) error
	// Discover makes what finds stores, by the setting that asks for it, of the JSON of
	// that setting. What it has not cannot be done here.
	Discover map[string]func(settings json.RawMessage) (stores.Discoverer, error)
}

// settings are those of a kind, a pointer to their struct, which has the same names in
// YAML and in JSON.
type settings interface {
	// check says what is wrong, as far as the settings alone tell, and fills in the
	// defaults. What was checked may be checked again.
	check() error
}

// located are settings with paths.
type located interface {
	// locate makes them absolute.
	locate(path func(string) string)
}

// definition is a kind.
type definition struct {
	fresh func() settings
	do    func(ctx context.Context, env Env, settings settings, task jobs.Task) (jobs.Report, error)
}

// define makes a kind of its settings, S, and of what it does.
func define[S any, P interface {
	*S
	settings
}](do func(ctx context.Context, env Env, settings S, task jobs.Task) (jobs.Report, error)) definition {
	return definition{
		func() settings { return P(new(S)) },
		func(ctx context.Context, env Env, read settings, task jobs.Task) (jobs.Report, error) {
			return do(ctx, env, *read.(P), task)
		},
	}
}

// all are the kinds by their names.
var all = map[string]definition{
	jobs.KindInventory: define(inventory),
	"add":              define(add),
	"remove":           define(remove),
	"create":           define(create),
	jobs.KindReEnrol:   define(reEnrol),
	"discover":         define(discover),
	"ca-sync":          define(caSync),
	"tls-scan":         define(tlsScan),
	"ssh-scan":         define(sshScan),
	"fetch-logs":       define(fetchLogs),
	jobs.KindCustom:    define(custom),
}

// New makes the kinds for where they are done.
func New(env Env) map[string]jobs.Kind {
	made := map[string]jobs.Kind{}
	path := env.Path
	if path == nil {
		path = absolute
	}
	for name, kind := range all {
		made[name] = func(ctx context.Context, task jobs.Task) (jobs.Report, error) {
			read, err := kind.read(task.Settings)
			if err == nil {
				err = confine(read, path)
			}
			if err != nil {
				return jobs.Report{}, fmt.Errorf("the settings of the job: %w", err)
			}
			return kind.do(ctx, env, read, task)
		}
	}
	return made
}

// Names are the names of the kinds, sorted.
func Names() []string { return slices.Sorted(maps.Keys(all)) }

// absolute takes any path that is relative to nothing.
func absolute(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%.200q is no absolute path", path)
	}
	return path, nil
}

// confine puts in place of each path what it stands for.
func confine(read settings, path func(string) (string, error)) error {
	with, ok := read.(located)
	if !ok {
		return nil
	}
	var wrong []error
	with.locate(func(named string) string {
		found, err := path(named)
		wrong = append(wrong, err)
		return found
	})
	return errors.Join(wrong...)
}

// Settings reads the settings of a kind from a configuration and checks everything that
// can be checked without input and output. decode fills the fields of a pointer to a
// struct strictly, path makes a path of the configuration absolute. It returns what a
// [jobs.Task] has of them. The error of an unknown kind names those there are.
func Settings(kind string, decode func(into any) error, path func(string) string) (json.RawMessage, error) {
	known, ok := all[kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind of job %q; there are %s", kind, strings.Join(Names(), ", "))
	}
	read := known.fresh()
	if err := decode(read); err != nil {
		return nil, err
	}
	if err := read.check(); err != nil {
		return nil, err
	}
	if with, ok := read.(located); ok {
		with.locate(path)
	}
	return json.Marshal(read)
}

// read reads settings as they come over the network: strictly, and checked once more.
func (d definition) read(data json.RawMessage) (settings, error) {
	read := d.fresh()
	if len(data) == 0 {
		data = []byte("{}")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(read); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, errors.New("something follows them")
	}
	return read, read.check()
}

// line puts out a line of JSON.
func line(task jobs.Task, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = task.Output.Write(append(data, '\n'))
	return err
}
