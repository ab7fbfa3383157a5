package state

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
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
	err = windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		err = errHeld
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
