package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

const (
	recountEach = 100 * time.Millisecond
	clearLine   = "\r\x1b[K" // ECMA-48: to the line's start, and erase it
)

// Counter shows on standard error how much of a long command is done whose end is not
// known, if that is a terminal. It is for one goroutine.
type Counter struct {
	stderr io.Writer
	what   string
	shown  bool
	n      int
	last   time.Time
}

// NewCounter makes one; what is counted in words. Close it before the result is printed.
func NewCounter(cmd *cobra.Command, what string) *Counter {
	stderr := cmd.ErrOrStderr()
	return &Counter{stderr: stderr, what: what, shown: IsTerminal(stderr)}
}

// Add counts one more.
func (c *Counter) Add() {
	if c.n++; c.shown && time.Since(c.last) > recountEach {
		c.last = time.Now()
		fmt.Fprintf(c.stderr, "%s%d %s", clearLine, c.n, c.what)
	}
}

// Close takes the count away.
func (c *Counter) Close() {
	if c.shown {
		fmt.Fprint(c.stderr, clearLine)
	}
}
