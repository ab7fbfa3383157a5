package batch

import (
	"bytes"
	"context"
	"io"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// What a task has at most, but for one line that is longer: handing each line to
// another core by itself would take as long as to seal it.
const (
	taskLines = 64
	taskBytes = 32 << 10
)

// task is some lines on their way.
type task struct {
	first, size int                // the number of its first line, and its bytes
	lines       *secretbytes.Value // with their newlines
	done        chan struct{}      // closed when the rest is set
	output      []byte
	failed      []failure
}

type failure struct {
	line int
	err  error
}

func (t *task) run(make func(out, line []byte) ([]byte, error)) {
	defer close(t.done)
	defer t.lines.Wipe()
	_ = t.lines.Expose(func(text []byte) error {
		number := t.first
		for line := range bytes.Lines(text) {
			t.line(number, bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), make)
			number++
		}
		return nil
	})
}

func (t *task) line(number int, line []byte, make func(out, line []byte) ([]byte, error)) {
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	out, err := make(t.output, line)
	if err != nil {
		t.failed = append(t.failed, failure{number, err})
		return
	}
	t.output = append(out, '\n')
}

// read makes tasks of the lines and closes both channels.
func read(ctx context.Context, in io.Reader, waiting, ordered chan<- *task) error {
	defer close(ordered)
	defer close(waiting)
	lines := newLines(in)
	defer lines.wipe()
	for number := 1; ; {
		text, count, err := lines.next()
		if err != nil || count == 0 {
			return err
		}
		next := &task{first: number, size: len(text), lines: secretbytes.Copy(text), done: make(chan struct{})}
		number += count
		// Into ordered first: its writer waits for what is not done yet.
		for _, to := range []chan<- *task{ordered, waiting} {
			select {
			case to <- next:
			case <-ctx.Done():
				next.lines.Wipe()
				return ctx.Err()
			}
		}
	}
}
