package render

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// InMemory says whether a folder is on a file system that has no disk behind it.
// tmpfs may be swapped; ramfs is not.
func InMemory(folder string) (bool, error) {
	var system unix.Statfs_t
	if err := unix.Statfs(folder, &system); err != nil {
		return false, fmt.Errorf("%s: %w", folder, err)
	}
	kind := uint32(system.Type) //nolint:unconvert // Its type differs between architectures.
	return kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC, nil
}
