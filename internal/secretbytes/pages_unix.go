//go:build unix

package secretbytes

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// mapPages returns size bytes of zeros outside the Go heap: neither the garbage
// collector nor a growing slice ever copies them. They are locked into memory,
// so that they do not reach a swap device, and left out of core dumps, both as
// far as the system lets this process: see mlock(2) for RLIMIT_MEMLOCK. It panics
// when the system has no memory at all.
func mapPages(size int) []byte {
	pages, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic(fmt.Sprintf("secretbytes: no memory for %d bytes: %v", size, err))
	}
	_ = unix.Mlock(pages)
	leaveOutOfCores(pages)
	return pages
}

// unmapPages returns to the system what mapPages returned; unmapping unlocks.
func unmapPages(pages []byte) {
	if err := unix.Munmap(pages); err != nil {
		panic(fmt.Sprintf("secretbytes: unmap %d bytes: %v", len(pages), err))
	}
}
