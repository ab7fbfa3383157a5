// Package batch makes a line of output of each line of input, in order and on
// all cores. It is for lines that hold secrets: what it reads them into is wiped.
package batch

import (
	"context"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// aheadPerCore bounds the tasks that wait for the one before them, and so the
// memory, to this many of them for each core.
const aheadPerCore = 16

// Job is what a run does with its lines.
type Job struct {
	// Line appends to out a line of output, without its newline, made of a line
	// of input. Of the input it keeps and changes nothing. It is called by
	// several goroutines at once.
	Line func(out, line []byte) ([]byte, error)
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
	waiting, ordered := make(chan *task, aheadPerCore*cores), make(chan *task, aheadPerCore*cores)
	readFailed := make(chan error, 1)
	go func() { readFailed <- read(ctx, in, waiting, ordered) }()
	for range cores {
		group.Go(func() error {
			for task := range each(ctx, waiting) {
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

// finish waits for the task and writes its lines.
func (j Job) finish(ctx context.Context, t *task, out io.Writer) error {
	select {
	case <-t.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, f := range t.failed {
		j.Failed(f.line, f.err)
	}
	if _, err := out.Write(t.output); err != nil {
		return err
	}
	j.Done(t.size)
	return nil
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
