package secretbytes

import (
	"math/bits"
	"sync"
)

// A slot is the memory of one value, outside the Go heap. Its size is a power
// of two between 64 bytes and 64 KiB, so that a few free lists serve all values
// without asking the system; a larger one has pages of its own.
const (
	smallestBits = 6
	chunkBits    = 16
)

// freeSlots has the free slots of each size, which are all zeros. A chunk that
// was once cut into slots is kept, so that the memory held for small values is
// what was needed at the busiest moment.
var freeSlots [chunkBits - smallestBits + 1]freeList

// freeList is the free slots of one size; the one freed last is used first,
// while it is still in the processor's cache.
type freeList struct {
	mu    sync.Mutex
	slots [][]byte
}

// allocate returns a slot of n bytes or more, all zeros; nil for none.
func allocate(n int) []byte {
	if n == 0 {
		return nil
	}
	if n > 1<<chunkBits {
		return mapPages(n)
	}
	class := classOf(n)
	list := &freeSlots[class]
	list.mu.Lock()
	defer list.mu.Unlock()
	if len(list.slots) == 0 {
		list.cut(mapPages(1<<chunkBits), 1<<(class+smallestBits))
	}
	last := len(list.slots) - 1
	slot := list.slots[last]
	list.slots = list.slots[:last]
	return slot
}

// release takes back a slot, of which any part may be given that begins where
// it begins and has all its capacity, and wipes it. There is nothing to take
// back in nil.
func release(slot []byte) {
	slot = slot[:cap(slot)]
	clear(slot)
	switch n := len(slot); {
	case n == 0:
	case n > 1<<chunkBits:
		unmapPages(slot)
	default:
		list := &freeSlots[classOf(n)]
		list.mu.Lock()
		defer list.mu.Unlock()
		list.slots = append(list.slots, slot)
	}
}

// cut adds a chunk to the list in slots of size bytes.
func (l *freeList) cut(chunk []byte, size int) {
	for at := 0; at < len(chunk); at += size {
		l.slots = append(l.slots, chunk[at:at+size:at+size])
	}
}

// classOf is the index in freeSlots of the smallest size that holds n bytes.
func classOf(n int) int {
	return max(bits.Len(uint(n-1)), smallestBits) - smallestBits
}
