//go:build unix

package state

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// errHeld: two agents would answer for each other's versions.
var errHeld = errors.New("another agent works in it; stop that, or give this one a state_dir of its own")

// lock takes the lock, which the system gives back when the process ends,
// however it ends.
func lock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errHeld
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
