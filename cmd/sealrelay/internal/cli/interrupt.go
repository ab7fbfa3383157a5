package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interruptible is a context that ends at an interrupt, SIGINT or SIGTERM. It
// catches them from the first time that anybody asks for Done, so a command
// that leaves nothing behind ends as any program does, and does not pay for the
// thread that catches signals, which costs more than to seal a secret.
type interruptible struct {
	context.Context // never ends

	begin  sync.Once
	caught context.Context //nolint:containedctx // It is this context, once it can end.
}

func newInterruptible() *interruptible { return &interruptible{Context: context.Background()} }

func (c *interruptible) Done() <-chan struct{} {
	c.begin.Do(func() {
		// It is stopped by the end of the process.
		c.caught, _ = signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
	})
	return c.caught.Done()
}

func (c *interruptible) Err() error {
	select {
	case <-c.Done():
		return c.caught.Err()
	default:
		return nil
	}
}
