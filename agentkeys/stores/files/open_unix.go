//go:build unix

package files

import (
	"io/fs"
	"syscall"
)

// openFlags keep an open from waiting, should a FIFO have taken a file's place since it
// was looked at.
const openFlags = syscall.O_NONBLOCK

// fileSystem is which one a file is in, to be compared.
func fileSystem(info fs.FileInfo) any {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Dev
	}
	return nil
}
