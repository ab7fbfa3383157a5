package local

import (
	"context"
	"errors"
	"io"
)

// copyBuffer is how much is copied at a time, in bytes.
const copyBuffer = 64 << 10

// copyWiped copies plaintext through one buffer, which it wipes.
func copyWiped(ctx context.Context, to io.Writer, from io.Reader) error {
	buffer := make([]byte, copyBuffer)
	defer clear(buffer)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.Read(buffer)
		if _, err := to.Write(buffer[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// cancellable is a reader that fails once ctx ends, also while it waits for a
// pipe or a terminal, which nothing interrupts otherwise. The read that waits is
// left behind then: it is for a process that is about to end.
func cancellable(ctx context.Context, from io.Reader) io.Reader {
	return &cancellableReader{ctx: ctx, from: from, done: make(chan readResult, 1)}
}

type cancellableReader struct {
	ctx  context.Context //nolint:containedctx // A reader has no other way to know of it.
	from io.Reader
	// buffer is what is read into: what is left behind must not touch the
	// caller's, which it wipes or uses again.
	buffer [copyBuffer]byte
	done   chan readResult
}

type readResult struct {
	n   int
	err error
}

func (r *cancellableReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	part := r.buffer[:min(len(p), len(r.buffer))]
	go func() {
		n, err := r.from.Read(part)
		r.done <- readResult{n, err}
	}()
	select {
	case read := <-r.done:
		copy(p, part[:read.n])
		clear(part[:read.n])
		return read.n, read.err
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	}
}
