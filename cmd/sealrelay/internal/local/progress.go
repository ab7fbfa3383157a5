package local

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

const (
	redrawEach = 100 * time.Millisecond
	clearLine  = "\r\x1b[K" // ECMA-48: to the line's start, and erase it
)

// progress shows on standard error how much of a long command's input is done
// with, if that is a terminal. It is for one goroutine. A library would do, but
// each of them compiles what it may need at every start of the program.
type progress struct {
	stderr      io.Writer
	shown       bool
	total, done int64 // bytes; a total of 0 is not known
	began, last time.Time
}

func newProgress(cmd *cobra.Command, from io.Reader) *progress {
	stderr := cmd.ErrOrStderr()
	return &progress{stderr: stderr, shown: cli.IsTerminal(stderr), total: inputSize(from), began: time.Now()}
}

// inputSize is how many bytes a file has; 0 if that is not known.
func inputSize(from io.Reader) int64 {
	file, ok := from.(interface{ Stat() (os.FileInfo, error) })
	if !ok {
		return 0
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

func (p *progress) add(bytes int) {
	p.done += int64(bytes)
	if p.shown && time.Since(p.last) > redrawEach {
		p.draw()
	}
}

func (p *progress) draw() {
	p.last = time.Now()
	elapsed := p.last.Sub(p.began)
	if p.total == 0 {
		fmt.Fprintf(p.stderr, "%s%.1f MiB sealed in %s", clearLine, mebibytes(p.done), elapsed.Round(time.Second))
		return
	}
	part := min(float64(p.done)/float64(p.total), 1) // The last line may lack its newline.
	left := time.Duration(0)
	if part > 0 {
		left = time.Duration(float64(elapsed) * (1 - part) / part)
	}
	fmt.Fprintf(p.stderr, "%s%s %3.0f %% of %.1f MiB, %s left", clearLine, cli.Bar(part), 100*part, mebibytes(p.total), left.Round(time.Second))
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// printf prints in place of the bar, which comes back below.
func (p *progress) printf(format string, args ...any) {
	if p.shown {
		fmt.Fprint(p.stderr, clearLine)
		p.last = time.Time{}
	}
	fmt.Fprintf(p.stderr, format, args...)
}

// close leaves the bar as it ends.
func (p *progress) close() {
	if p.shown {
		p.draw()
		fmt.Fprintln(p.stderr)
	}
}
