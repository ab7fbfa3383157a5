// Package script is the certificate store that is an operator's own: an executable that
// speaks a small JSON contract on standard input and output, so that any store can be
// added. docs/stores-script.md has the contract.
package script

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os/exec"
	"slices"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/subprocess"
)

// Config is the store's part of the configuration.
type Config struct {
	// Command is the program and its arguments; there is no shell. Required.
	Command []string `yaml:"command"`
	// Operations are those that the program knows beside inventory and lookup: add,
	// remove, create. Default: none
	Operations []string `yaml:"operations"`
	// Timeout bounds one run; the program and what it started are killed then. At most
	// 1h. Default: 1m
	Timeout time.Duration `yaml:"timeout"`
}

// version is that of the contract.
const version = 1

// maxLine is the longest line of an answer, maxEntries the largest inventory.
const (
	maxLine    = 1 << 20
	maxEntries = 100_000
)

// Store is a program. It is safe for concurrent use; the program may be run several
// times at once.
type Store struct{ config Config }

// New makes the store. That the program is there is not checked before it is run.
func New(config Config) (*Store, error) {
	if len(config.Command) == 0 || config.Command[0] == "" {
		return nil, errors.New("command is required")
	}
	for _, operation := range config.Operations {
		if !slices.Contains([]string{"add", "remove", "create"}, operation) {
			return nil, fmt.Errorf("operations: %q is not add, remove or create", operation)
		}
	}
	if config.Timeout == 0 {
		config.Timeout = time.Minute
	}
	if config.Timeout < time.Millisecond || config.Timeout > time.Hour {
		return nil, errors.New("timeout is not 1ms to 1h")
	}
	return &Store{config}, nil
}

// request is what the program reads.
type request struct {
	Version       int               `json:"version"`
	Operation     string            `json:"operation"`
	Alias         string            `json:"alias,omitempty"`
	Certificates  string            `json:"certificates,omitempty"`
	PrivateKey    string            `json:"private_key,omitempty"`
	Overwrite     bool              `json:"overwrite,omitempty"`
	Recover       bool              `json:"recover,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	KeepTags      bool              `json:"keep_tags,omitempty"`
	NotExportable bool              `json:"not_exportable,omitempty"`
	Purge         bool              `json:"purge,omitempty"`
	DryRun        bool              `json:"dry_run,omitempty"`
}

// answer is a line of what it writes. One of its members is set.
type answer struct {
	Entry   *entry   `json:"entry"`
	Outcome *outcome `json:"outcome"`
	Error   *failure `json:"error"`
	// Done ends every answer that is no error: what broke off before is not whole.
	Done bool `json:"done"`
}

type entry struct {
	Alias      string            `json:"alias"`
	Key        string            `json:"key"`
	PrivateKey stores.Private    `json:"private_key"`
	Version    string            `json:"version"`
	Disabled   bool              `json:"disabled"`
	Pending    bool              `json:"pending"`
	Tags       map[string]string `json:"tags"`
	Problem    string            `json:"problem"`
}

type outcome struct {
	Did     stores.Did `json:"did"`
	Version string     `json:"version"`
	Notes   []string   `json:"notes"`
}

type failure struct {
	Class   string `json:"class"`
	Message string `json:"message"`
}

// classes are those of an error.
var classes = map[string]error{
	"not-found": stores.ErrNotFound, "exists": stores.ErrExists, "deleted": stores.ErrDeleted, "denied": stores.ErrDenied,
	"invalid": stores.ErrInvalid, "unreadable": stores.ErrUnreadable, "partly": stores.ErrPartly,
}

// did are the outcomes that a program can tell of.
var did = []stores.Did{stores.DidAdd, stores.DidReplace, stores.DidRecover, stores.DidNothing, stores.DidRemove, stores.DidPurge, stores.DidCreate}

// errContract says that the program does not keep to the contract.
func errContract(format string, arguments ...any) error {
	return fmt.Errorf("%w: the program does not keep to the contract: %s", stores.ErrUnreadable, fmt.Sprintf(format, arguments...))
}

// Inventory implements stores.Store.
func (s *Store) Inventory(ctx context.Context) iter.Seq2[stores.Entry, error] {
	return func(yield func(stores.Entry, error) bool) {
		seen := map[string]bool{}
		stopped := errors.New("stopped")
		err := s.run(ctx, request{Operation: "inventory"}, func(line answer) error {
			switch {
			case line.Entry == nil:
				return errContract("an inventory has entries only")
			case seen[line.Entry.Alias] || line.Entry.Alias == "":
				return errContract("an alias is empty, or there twice")
			case len(seen) == maxEntries:
				return errContract("there are more than %d entries", maxEntries)
			}
			seen[line.Entry.Alias] = true
			if !yield(line.Entry.read(), nil) {
				return stopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, stopped) {
			yield(stores.Entry{}, err)
		}
	}
}

// read is the entry as stores have it.
func (e *entry) read() stores.Entry {
	out := stores.Entry{Alias: e.Alias, Private: e.PrivateKey, Version: e.Version, Disabled: e.Disabled, Pending: e.Pending, Tags: e.Tags}
	if e.Problem != "" {
		out.Problem = fmt.Errorf("%w: %s", stores.ErrUnreadable, printable(e.Problem))
		return out
	}
	if e.Key == "" && e.Pending {
		return out
	}
	if out.Key, out.Problem = keys.ParsePublic([]byte(e.Key)); out.Problem != nil {
		out.Problem = fmt.Errorf("%w: %w", stores.ErrUnreadable, out.Problem)
	}
	return out
}

// Lookup implements stores.Store.
func (s *Store) Lookup(ctx context.Context, alias string) (stores.Entry, error) {
	var found *entry
	err := s.run(ctx, request{Operation: "lookup", Alias: alias}, func(line answer) error {
		if line.Entry == nil || found != nil || line.Entry.Alias != alias {
			return errContract("a lookup has one entry, with the alias that was asked for")
		}
		found = line.Entry
		return nil
	})
	switch {
	case err != nil:
		return stores.Entry{}, err
	case found == nil:
		return stores.Entry{}, errContract("a lookup has an entry, or is an error of the class not-found")
	}
	read := found.read()
	return read, read.Problem
}

// Add implements stores.Adder. The private key goes to the program's standard input.
func (s *Store) Add(ctx context.Context, addition stores.Addition) (stores.Outcome, error) {
	if addition.Alias == "" {
		return stores.Outcome{}, fmt.Errorf("%w: there is no alias", stores.ErrInvalid)
	}
	if err := stores.CheckAddition(addition); err != nil {
		return stores.Outcome{}, err
	}
	r := request{
		Operation: "add", Alias: addition.Alias, Certificates: string(addition.Certificates), Overwrite: addition.Overwrite, Recover: addition.Recover,
		Tags: addition.Tags, KeepTags: addition.KeepTags, NotExportable: addition.NotExportable, DryRun: addition.DryRun,
	}
	if addition.Private != nil {
		private, err := keys.MarshalPrivate(addition.Private, nil)
		if err != nil {
			return stores.Outcome{}, fmt.Errorf("%w: %w", stores.ErrInvalid, err)
		}
		defer clear(private)
		r.PrivateKey = string(private) // JSON is made of strings; the line itself is wiped.
	}
	return s.change(ctx, r)
}

// Remove implements stores.Remover.
func (s *Store) Remove(ctx context.Context, removal stores.Removal) (stores.Outcome, error) {
	return s.change(ctx, request{Operation: "remove", Alias: removal.Alias, Purge: removal.Purge, DryRun: removal.DryRun})
}

// Create implements stores.Creator.
func (s *Store) Create(ctx context.Context, dryRun bool) (stores.Outcome, error) {
	return s.change(ctx, request{Operation: "create", DryRun: dryRun})
}

// change runs an operation that changes something.
func (s *Store) change(ctx context.Context, r request) (stores.Outcome, error) {
	if !slices.Contains(s.config.Operations, r.Operation) {
		return stores.Outcome{}, fmt.Errorf("%w: the program does not %s; list it in operations if it does", stores.ErrInvalid, r.Operation)
	}
	var found *outcome
	err := s.run(ctx, r, func(line answer) error {
		if line.Outcome == nil || found != nil || !slices.Contains(did, line.Outcome.Did) {
			return errContract("a change has one outcome, of those that there are")
		}
		found = line.Outcome
		return nil
	})
	switch {
	case err != nil:
		return stores.Outcome{}, err
	case found == nil:
		return stores.Outcome{}, errContract("a change has an outcome")
	}
	return stores.Outcome{Did: found.Did, Version: found.Version, Notes: found.Notes}, nil
}

// run runs the program with one request and hands on the lines of its answer. An error
// of take ends the program.
func (s *Store) run(ctx context.Context, r request, take func(answer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.Version = version
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	defer clear(line)
	limited, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	cmd, said := subprocess.Command(limited, s.config.Command)
	cmd.Stdin = bytes.NewReader(line)
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: the program cannot be run: %w", stores.ErrUnreadable, err)
	}
	readErr := read(output, take)
	if readErr != nil {
		cancel() // Nobody reads on.
	}
	waitErr := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case readErr != nil && limited.Err() != nil && errors.Is(limited.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: the program did not end within %v and was killed", stores.ErrUnreadable, s.config.Timeout)
	case readErr != nil && !errors.Is(readErr, errBrokeOff):
		return readErr
	case waitErr != nil && !errors.Is(waitErr, exec.ErrWaitDelay):
		return fmt.Errorf("%w: the program ended with %w: %s", stores.ErrUnreadable, waitErr, printable(said.Last()))
	}
	return readErr
}

// errBrokeOff says that an answer has no end.
var errBrokeOff = errContract("the answer does not end with {\"done\":true}")

// read reads an answer to its end.
func read(from io.Reader, take func(answer) error) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	done := false
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		line, err := parse(lines.Bytes())
		switch {
		case err != nil:
			return err
		case done:
			return errContract("something follows {\"done\":true}")
		case line.Error != nil:
			return line.Error.read()
		case line.Done:
			done = true
		default:
			if err := take(line); err != nil {
				return err
			}
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return errContract("a line has more than %d bytes", maxLine)
	case err != nil || !done:
		return errBrokeOff
	}
	return nil
}

// parse reads one line.
func parse(line []byte) (answer, error) {
	var a answer
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&a); err != nil || decoder.More() {
		return answer{}, errContract("a line is not the JSON of an answer")
	}
	set := 0
	for _, is := range []bool{a.Entry != nil, a.Outcome != nil, a.Error != nil, a.Done} {
		if is {
			set++
		}
	}
	if set != 1 {
		return answer{}, errContract("a line has not exactly one of entry, outcome, error and done")
	}
	return a, nil
}

func (f *failure) read() error {
	class, ok := classes[f.Class]
	if !ok {
		return errContract("there is no class of errors %q", printable(f.Class))
	}
	return fmt.Errorf("%w: %s", class, printable(f.Message))
}

// maxSaid bounds what is repeated of what a program says, in bytes.
const maxSaid = 200

// printable is a text as an error repeats it: one line, without control characters.
func printable(text string) string {
	text = text[:min(len(text), maxSaid)]
	return string(bytes.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '\uFFFD' {
			return ' '
		}
		return c
	}, []byte(text)))
}
