package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// barWidth is that of a bar, in columns.
	barWidth = 40
	// redrawEach is how often a terminal is told, tellEach how often anything else.
	redrawEach = 100 * time.Millisecond
	tellEach   = 10 * time.Second
	clearLine  = "\r\x1b[K" // ECMA-48: to the line's start, and erase it
)

// Bar draws how much is done, a part from 0 to 1.
func Bar(part float64) string {
	full := int(min(max(part, 0), 1) * barWidth)
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + "]"
}

// Progress tells on standard error how far a long command is, until it is closed: a bar,
// or a number where the end is not known, on a terminal; elsewhere a line now and then.
type Progress struct {
	stderr   io.Writer
	terminal bool
	what     string
	measure  func() (done, total int)
	closing  chan struct{}
	closed   chan struct{}
}

// NewProgress begins to tell. What is counted is in words; measure is called by a goroutine
// of its own, and its total is 0 if it is not known. Close it before the result is printed.
func NewProgress(cmd *cobra.Command, what string, measure func() (done, total int)) *Progress {
	stderr := cmd.ErrOrStderr()
	return newProgress(stderr, IsTerminal(stderr), what, measure)
}

func newProgress(stderr io.Writer, terminal bool, what string, measure func() (done, total int)) *Progress {
	p := &Progress{stderr: stderr, terminal: terminal, what: what, measure: measure, closing: make(chan struct{}), closed: make(chan struct{})}
	go p.run()
	return p
}

func (p *Progress) run() {
	defer close(p.closed)
	each := tellEach
	if p.terminal {
		each = redrawEach
	}
	tick := time.NewTicker(each)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.tell()
		case <-p.closing:
			return
		}
	}
}

func (p *Progress) tell() {
	done, total := p.measure()
	count := fmt.Sprintf("%d %s", done, p.what)
	if total > 0 {
		count = fmt.Sprintf("%d of %d %s", done, total, p.what)
	}
	switch {
	case !p.terminal:
		fmt.Fprintln(p.stderr, "sealrelay: "+count)
	case total > 0:
		fmt.Fprint(p.stderr, clearLine+Bar(float64(done)/float64(total))+" "+count)
	default:
		fmt.Fprint(p.stderr, clearLine+count)
	}
}

// Close ends it, and takes away what a terminal shows of it.
func (p *Progress) Close() {
	close(p.closing)
	<-p.closed
	if p.terminal {
		fmt.Fprint(p.stderr, clearLine)
	}
}
