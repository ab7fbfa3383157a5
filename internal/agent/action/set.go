// Package action does what an agent's configuration wants done when a secret has
// changed: it lays out envelopes, renders templates, runs a command, signals a
// process, touches a file.
//
// Changes that come close after each other lead to one run. If any step of a run
// fails, the files that it rendered are put back as they were.
package action

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/render"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Result is what became of all the actions of one change.
type Result struct {
	Action receipt.Action
	// Detail is why one failed, fit for a receipt.
	Detail string
}

// Change is a secret whose copy was stored, as a delivery of it to a folder.
type Change = outbox.Delivery

// Set are the actions. Its methods are safe for concurrent use.
type Set struct{ workers []*worker }

// New makes the actions of a configuration, of which open opens what templates
// ask for. Files that it names, such as templates, are read now.
func New(c *config.Config, open render.Opener, log zerolog.Logger) (*Set, error) {
	s := &Set{}
	for i := range c.Actions {
		steps, err := newSteps(c, &c.Actions[i], open)
		if err != nil {
			return nil, fmt.Errorf("actions: entry %d: %w", i+1, err)
		}
		s.workers = append(s.workers, &worker{
			Action: c.Actions[i], steps: steps, wake: make(chan struct{}, 1),
			log: log.With().Int("action", i+1).Logger(),
		})
	}
	return s, nil
}

// Run takes actions until ctx ends. A run that has begun is finished first; what
// waits is not, and its done is not called.
func (s *Set) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, w := range s.workers {
		running.Go(func() { w.run(ctx) })
	}
	running.Wait()
}

// Prepare lays out and renders without any command, signal or touch: after a
// restart of the machine nothing is on tmpfs. What a killed run left half written
// is removed. present are the secrets that there
// are. It returns what could not be done.
func (s *Set) Prepare(ctx context.Context, present []Change) []error {
	var failed []error
	for i, w := range s.workers {
		var changes []Change
		for _, change := range present {
			if w.matches(change.Secret) {
				changes = append(changes, change)
			}
		}
		if err := w.steps.prepare(ctx, changes); err != nil {
			failed = append(failed, fmt.Errorf("action %d: %w", i+1, err))
		}
	}
	return failed
}

// Trigger has the actions taken that the secret's name matches, and then calls
// done, on another goroutine; at once, if there is none.
func (s *Set) Trigger(change Change, done func(Result)) {
	var matching []*worker
	for _, w := range s.workers {
		if w.matches(change.Secret) {
			matching = append(matching, w)
		}
	}
	if len(matching) == 0 {
		done(Result{Action: receipt.None})
		return
	}
	all := &gathering{missing: len(matching), done: done}
	for _, w := range matching {
		w.add(request{change, all.add})
	}
}

// gathering waits for the results of several actions.
type gathering struct {
	mu      sync.Mutex
	missing int
	failed  []string
	done    func(Result)
}

func (g *gathering) add(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.failed = append(g.failed, err.Error())
	}
	if g.missing--; g.missing > 0 {
		return
	}
	if len(g.failed) == 0 {
		g.done(Result{Action: receipt.Done})
		return
	}
	g.done(Result{Action: receipt.Failed, Detail: detail(strings.Join(g.failed, "; "))})
}

// detail is text in the form that a receipt takes.
func detail(text string) string {
	line := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	if len(line) <= receipt.MaxDetail {
		return line
	}
	const ellipsis = "..."
	line = line[:receipt.MaxDetail-len(ellipsis)]
	for !utf8.ValidString(line) {
		line = line[:len(line)-1]
	}
	return line + ellipsis
}

func (w *worker) matches(secret string) bool {
	for _, glob := range w.Secrets {
		if doublestar.MatchUnvalidated(glob, secret) {
			return true
		}
	}
	return false
}
