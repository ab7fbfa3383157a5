// Package logtail keeps the last lines of a program's log in memory, for who looks at
// the program from afar.
package logtail

import (
	"bytes"
	"io"
	"sync"
)

// Size is how much a program keeps, in bytes.
const Size = 1 << 20

// Tail keeps what was written last. Its methods are safe for concurrent use.
type Tail struct {
	mu sync.Mutex
	// ring has the latest bytes. It grows to size; from then on next is where the
	// oldest one is, which the next one takes the place of.
	ring []byte
	size int
	next int
	// cut says that something was left out before the oldest byte.
	cut bool
}

// New returns a Tail that keeps size bytes, and takes no memory before they come.
func New(size int) *Tail { return &Tail{size: size} }

// Write implements io.Writer. It does not fail.
func (t *Tail) Write(data []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	written := len(data)
	if len(data) > t.size {
		data, t.cut = data[len(data)-t.size:], true
	}
	room := min(t.size-len(t.ring), len(data))
	t.ring = append(t.ring, data[:room]...)
	for data = data[room:]; len(data) > 0; {
		n := copy(t.ring[t.next:], data)
		data, t.next, t.cut = data[n:], (t.next+n)%t.size, true
	}
	return written, nil
}

// Lines writes the whole lines that are kept, the oldest first.
func (t *Tail) Lines(to io.Writer) error {
	_, err := to.Write(t.lines())
	return err
}

func (t *Tail) lines() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := append(bytes.Clone(t.ring[t.next:]), t.ring[:t.next]...)
	if t.cut {
		_, kept, _ = bytes.Cut(kept, []byte("\n")) // It begins within a line.
	}
	return kept[:bytes.LastIndexByte(kept, '\n')+1]
}
