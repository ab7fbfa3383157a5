package push

import (
	"errors"
	"io"
	"sync"
)

var errWiped = errors.New("the body was wiped")

// payload is the body of an event, to be read once for each try. A transport
// may go on reading after its response has come, so reading and wiping exclude
// each other.
type payload struct {
	mu      sync.Mutex
	content []byte
	wiped   bool
}

// wipe overwrites the body. Reading it fails from then on.
func (p *payload) wipe() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.content)
	p.wiped = true
}

func (p *payload) reader() io.Reader { return &payloadReader{payload: p} }

type payloadReader struct {
	payload *payload
	offset  int
}

// Read implements io.Reader.
func (r *payloadReader) Read(into []byte) (int, error) {
	r.payload.mu.Lock()
	defer r.payload.mu.Unlock()
	if r.payload.wiped {
		return 0, errWiped
	}
	if r.offset == len(r.payload.content) {
		return 0, io.EOF
	}
	n := copy(into, r.payload.content[r.offset:])
	r.offset += n
	return n, nil
}
