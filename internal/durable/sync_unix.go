//go:build !windows

package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// syncDir makes the entries of the folder dir durable.
func syncDir(root *os.Root, dir string) (err error) {
	handle, err := root.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, handle.Close()) }()
	if err := handle.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}

func chmodDir(dir *os.File, mode fs.FileMode) error { return dir.Chmod(mode) }
