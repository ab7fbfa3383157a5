// Package filelock has locks between processes of one machine: who opens a file has it
// until it is closed.
package filelock

import (
	"context"
	"errors"
	"os"
	"time"
)

// ErrHeld says that somebody else has the lock.
var ErrHeld = errors.New("the lock is held")

// lookEvery is how often Wait tries.
const lookEvery = 20 * time.Millisecond

// Wait waits until it has the lock of a file. Its error is that of ctx, or of the file.
func Wait(ctx context.Context, path string) (*os.File, error) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		file, err := Try(path)
		if !errors.Is(err, ErrHeld) {
			return file, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-look.C:
		}
	}
}
