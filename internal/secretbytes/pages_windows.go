package secretbytes

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// mapPages returns size bytes of zeros outside the Go heap: neither the garbage
// collector nor a growing slice ever copies them. They are locked into memory,
// so that they do not reach the paging file, as far as the system lets this
// process: VirtualLock is bounded by the minimum working set. It panics when
// the system has no memory at all.
func mapPages(size int) []byte {
	address, err := windows.VirtualAlloc(0, uintptr(size), windows.MEM_COMMIT|windows.MEM_RESERVE, windows.PAGE_READWRITE)
	if err != nil {
		panic(fmt.Sprintf("secretbytes: no memory for %d bytes: %v", size, err))
	}
	_ = windows.VirtualLock(address, uintptr(size))
	// The address is no Go pointer, so that reading it as one is valid; a
	// conversion of the integer looks to vet like arithmetic on a pointer.
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), size)
}

// unmapPages returns to the system what mapPages returned; releasing unlocks.
func unmapPages(pages []byte) {
	if err := windows.VirtualFree(uintptr(unsafe.Pointer(unsafe.SliceData(pages))), 0, windows.MEM_RELEASE); err != nil {
		panic(fmt.Sprintf("secretbytes: unmap %d bytes: %v", len(pages), err))
	}
}
