package secretbytes

import "golang.org/x/sys/unix"

// leaveOutOfCores excludes pages from core dumps: see madvise(2).
func leaveOutOfCores(pages []byte) { _ = unix.Madvise(pages, unix.MADV_DONTDUMP) }
