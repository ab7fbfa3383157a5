package age

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
)

// heapWatch is where so much goes that memory is looked at every 4 MiB.
type heapWatch struct{ written, most uint64 }

func (h *heapWatch) Write(p []byte) (int, error) {
	const interval = 4 << 20
	if h.written/interval != (h.written+uint64(len(p)))/interval {
		h.most = max(h.most, liveHeap())
	}
	h.written += uint64(len(p))
	return len(p), nil
}

// liveHeap is how much of the heap is in use, in bytes.
func liveHeap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestStreamMemory seals and opens 64 MiB through a pipe. At no time is more in
// use than at the beginning and 2 MiB.
func TestStreamMemory(t *testing.T) {
	const size = 64<<20 + 5
	recipient, identity := newPair(t, "age")
	sent, received, watch := sha256.New(), sha256.New(), &heapWatch{}
	src := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{}), size), sent)
	envelope, sink := io.Pipe()
	before := liveHeap()
	go func() {
		w, err := Format.Stream.Seal(sink, recipient)
		if err == nil {
			_, err = io.Copy(w, src)
		}
		if err == nil {
			err = w.Close()
		}
		sink.CloseWithError(err)
	}()
	r, err := Format.Stream.Open(envelope, identity)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.MultiWriter(received, watch), r)
	if err != nil || n != size || string(sent.Sum(nil)) != string(received.Sum(nil)) {
		t.Errorf("opened to %d bytes, %v", n, err)
	}
	if watch.most == 0 || watch.most > before+2<<20 {
		t.Errorf("%d bytes were in use, %d before", watch.most, before)
	}
}
