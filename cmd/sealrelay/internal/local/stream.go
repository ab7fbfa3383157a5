package local

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// copyWiped copies plaintext through one buffer, which it wipes.
func copyWiped(ctx context.Context, to io.Writer, from io.Reader) error {
	buffer := make([]byte, 64<<10)
	defer clear(buffer)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.Read(buffer)
		if _, writeErr := to.Write(buffer[:n]); writeErr != nil {
			return fmt.Errorf("write: %w", writeErr)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// cancellable is a reader that fails once ctx ends.
func cancellable(ctx context.Context, from io.Reader) io.Reader { return cancellableReader{ctx, from} }

type cancellableReader struct {
	ctx  context.Context //nolint:containedctx // A reader has no other way to know of it.
	from io.Reader
}

func (r cancellableReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}
