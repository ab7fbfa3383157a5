// Package sqlite is the outbox of a single node: one SQLite file in WAL mode,
// synchronous=FULL. One goroutine owns the one connection that writes, and
// puts the requests that wait into one transaction (see writer); reads have
// connections of their own and never wait for it. Other processes, such as the
// command line, may have the same file open.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Options are what Open needs to know besides the path.
type Options struct {
	// Warn is called with a message that the operator must see. It may be
	// nil, but Open then refuses to run with weakened durability.
	Warn func(message string)
}

// Outbox implements outbox.Outbox.
type Outbox struct {
	writer  *writer
	readers *pool
	closing sync.Once
	closed  error
}

var _ outbox.Outbox = (*Outbox)(nil)

// Open opens the outbox in the file at path, and makes the folder and the file
// if they are not there. It fails if others can get at the file, and if a
// newer program has changed its schema.
func Open(ctx context.Context, path string, options Options) (*Outbox, error) {
	synchronous, err := testOnlySynchronous(options.Warn)
	if err != nil {
		return nil, err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	dsn := writerDSN(path, synchronous)
	if err := migrate(ctx, dsn); err != nil {
		return nil, fmt.Errorf("migrate the outbox: %w", err)
	}
	readers, err := newPool(readerDSN(path))
	if err != nil {
		return nil, fmt.Errorf("open the outbox: %w", err)
	}
	w, err := newWriter(path, dsn)
	if err != nil {
		return nil, fmt.Errorf("open the outbox: %w", errors.Join(err, readers.close()))
	}
	return &Outbox{writer: w, readers: readers}, nil
}

// Failed is closed when the outbox met an error after which it cannot trust
// the disk any more. Every call then fails; only a restart helps.
func (o *Outbox) Failed() <-chan struct{} { return o.writer.failed }

// Changed implements outbox.Outbox.
func (o *Outbox) Changed() <-chan struct{} { return o.writer.changed }

// Close implements outbox.Outbox: it waits for running calls. Calls that come
// after it fail with outbox.ErrUnavailable.
func (o *Outbox) Close() error {
	o.closing.Do(func() {
		o.closed = errors.Join(o.writer.close(), o.readers.close())
	})
	return o.closed
}

// testOnlySynchronous is FULL, the only setting at which an acknowledged event
// outlives a loss of power. The environment can weaken it for the test that
// proves that test to be able to fail.
func testOnlySynchronous(warn func(string)) (string, error) {
	const name = "SEALRELAY_TESTONLY_SYNCHRONOUS"
	value, set := os.LookupEnv(name)
	switch {
	case !set:
		return "FULL", nil
	case value != "NORMAL" && value != "OFF":
		return "", fmt.Errorf("%s can only be NORMAL or OFF; unset it", name)
	case warn == nil:
		return "", fmt.Errorf("%s is set where nobody would be warned of it; unset it", name)
	}
	warn(fmt.Sprintf("TEST ONLY: %s=%s, accepted events WILL BE LOST when the power fails; unset it", name, value))
	return value, nil
}
