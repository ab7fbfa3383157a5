// Package batch makes a line of output of each line of input, in order and on
// all cores. It is for lines that hold secrets: what it reads them into is wiped.
package batch

import (
	"bytes"
	"context"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// aheadPerCore bounds the lines that wait for the one before them, and so the
// memory, to this many of them for each core.
const aheadPerCore = 64

// Job is what a run does with its lines.
type Job struct {
	// Line makes a line of output, without its newline, of a line of input. Of
	// the input it keeps and changes nothing. It is called by several goroutines
	// at once.
	Line func(line []byte) ([]byte, error)
	// Failed is told, in order, of each line that Line returned an error for, and
	// for which there is no output. The first line is 1.
	Failed func(line int, err error)
	// Done is told, in order, how many bytes of input are done with.
	Done func(bytes int)
}

// Run runs the job on in, and writes to out. Empty lines are passed over. It
// returns an error if in cannot be read, a line has more than MaxLine bytes, out
// cannot be written or ctx ends; what was written until then is whole lines. It
// does not wait for a read from in that ctx cannot end.
func (j Job) Run(ctx context.Context, in io.Reader, out io.Writer) error {
	cores := runtime.GOMAXPROCS(0)
	group, ctx := errgroup.WithContext(ctx)
	todo, ordered := make(chan *task), make(chan *task, aheadPerCore*cores)
	readFailed := make(chan error, 1)
	go func() { readFailed <- read(ctx, in, todo, ordered) }()
	for range cores {
		group.Go(func() error {
			for task := range each(ctx, todo) {
				task.run(j.Line)
			}
			return nil
		})
	}
	group.Go(func() error {
		for task := range each(ctx, ordered) {
			if err := j.finish(ctx, task, out); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return <-readFailed // ordered is closed, so it is there.
	})
	return group.Wait()
}

// task is one line on its way.
type task struct {
	number, size int
	line         *secretbytes.Value
	done         chan struct{} // closed when the rest is set
	output       []byte
	err          error
}

func (t *task) run(line func([]byte) ([]byte, error)) {
	defer close(t.done)
	defer t.line.Wipe()
	t.err = t.line.Expose(func(text []byte) (err error) {
		t.output, err = line(text)
		return err
	})
}

// finish waits for the task and writes its line.
func (j Job) finish(ctx context.Context, t *task, out io.Writer) error {
	select {
	case <-t.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if t.err != nil {
		j.Failed(t.number, t.err)
	} else if _, err := out.Write(append(t.output, '\n')); err != nil {
		return err
	}
	j.Done(t.size)
	return nil
}

// read makes a task of each line and closes both channels.
func read(ctx context.Context, in io.Reader, todo, ordered chan<- *task) error {
	defer close(ordered)
	defer close(todo)
	lines := newLines(in)
	defer lines.wipe()
	for number := 1; ; number++ {
		line, err := lines.next()
		if err != nil || line == nil {
			return err
		}
		next := &task{number: number, size: len(line) + 1, done: make(chan struct{})}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		next.line = secretbytes.Copy(line)
		// Into ordered first: its writer waits for what is not done yet.
		for _, to := range []chan<- *task{ordered, todo} {
			select {
			case to <- next:
			case <-ctx.Done():
				next.line.Wipe()
				return ctx.Err()
			}
		}
	}
}

// each ranges over what comes out of a channel, until ctx ends.
func each(ctx context.Context, from <-chan *task) func(yield func(*task) bool) {
	return func(yield func(*task) bool) {
		for {
			select {
			case t, open := <-from:
				if !open || !yield(t) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}
