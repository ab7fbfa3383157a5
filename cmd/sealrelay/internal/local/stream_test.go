package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestCancellable(t *testing.T) {
	text := strings.Repeat("0123456789", 20_000)
	if err := iotest.TestReader(cancellable(t.Context(), strings.NewReader(text)), []byte(text)); err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	if _, err := io.ReadAll(cancellable(t.Context(), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// TestCancelled: a read that waits ends with the context, and so does a copy,
// with nothing more written.
func TestCancelled(t *testing.T) {
	in, feed := io.Pipe()
	defer feed.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	copied := make(chan error)
	go func() { copied <- copyWiped(ctx, &out, cancellable(ctx, in)) }()
	if _, err := io.WriteString(feed, "some"); err != nil { // It returns once that is read.
		t.Fatal(err)
	}
	cancel()
	if err := <-copied; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := cancellable(ctx, in).Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
