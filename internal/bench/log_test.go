package bench_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// bareLog is the least that a durable outbox can do: it appends what a Change
// holds to a file, with one sync for all that wait by then, and knows nothing
// of it afterwards. What it costs is the price of the sync and the wait.
type bareLog struct {
	file  *os.File
	queue chan *record
	ended chan struct{}
}

type record struct {
	bytes []byte
	done  chan error
}

func newBareLog(b *testing.B) *bareLog {
	file, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	l := &bareLog{file: file, queue: make(chan *record, connections), ended: make(chan struct{})}
	go l.run()
	b.Cleanup(func() {
		close(l.queue)
		<-l.ended
		if err := file.Close(); err != nil {
			b.Error(err)
		}
	})
	return l
}

func (l *bareLog) run() {
	defer close(l.ended)
	for first := range l.queue {
		for waiting := -1; waiting < len(l.queue); {
			waiting = len(l.queue)
			runtime.Gosched()
		}
		group := []*record{first}
		for range len(l.queue) {
			group = append(group, <-l.queue)
		}
		var all []byte
		for _, r := range group {
			all = append(all, r.bytes...)
		}
		_, err := l.file.Write(all)
		err = errors.Join(err, l.file.Sync())
		for _, r := range group {
			r.done <- err
		}
	}
}

func (*bareLog) Prior(context.Context, string, string, string) (outbox.Prior, error) {
	return outbox.Prior{}, nil
}

func (*bareLog) Repeated(context.Context, string, string, time.Time) ([]byte, error) {
	return nil, nil
}

func (*bareLog) Await(context.Context, outbox.News) error { return nil }

func (l *bareLog) Commit(_ context.Context, change outbox.Change) error {
	r := &record{bytes: append([]byte(nil), change.Answer...), done: make(chan error, 1)}
	for _, sealed := range change.Sealed {
		r.bytes = append(append(r.bytes, sealed.Envelope...), sealed.Statement...)
	}
	l.queue <- r
	return <-r.done
}
