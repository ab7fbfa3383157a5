package jobs

import (
	"context"
	"fmt"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// sendAt is how much of an output is gathered before it is sent on, in bytes.
const sendAt = 64 << 10

// output sends on what a task puts out. Its methods are safe for concurrent use.
type output struct {
	// ctx is the task's: what nobody takes any more is not sent.
	ctx  context.Context
	work Work
	run  outbox.Run
	// stop ends the task when its output cannot be kept.
	stop context.CancelCauseFunc

	// turn has room for the one who writes or sends, which may take as long as a lease.
	turn     chan struct{}
	gathered []byte
	seq      int
	sent     int
	// left is how much was left out.
	left int
	err  error
}

// Write takes all of data, or an error that stays.
func (o *output) Write(data []byte) (int, error) {
	o.turn <- struct{}{}
	defer o.end()
	if o.err != nil {
		return 0, o.err
	}
	taken := data[:min(len(data), max(0, MaxOutput-o.sent-len(o.gathered)))]
	o.left += len(data) - len(taken)
	o.gathered = append(o.gathered, taken...)
	for len(o.gathered) >= sendAt {
		if err := o.send(sendAt); err != nil {
			return 0, err
		}
	}
	return len(data), nil
}

func newOutput(ctx context.Context, work Work, run outbox.Run, stop context.CancelCauseFunc) *output {
	return &output{ctx: ctx, work: work, run: run, stop: stop, turn: make(chan struct{}, 1)}
}

// end ends a turn.
func (o *output) end() { <-o.turn }

// flush sends what was gathered.
func (o *output) flush() error {
	o.turn <- struct{}{}
	defer o.end()
	return o.sendAll()
}

// flushIdle sends what was gathered, unless something is being sent: whoever keeps the
// lease does not wait for that. The next write tells of an error.
func (o *output) flushIdle() {
	select {
	case o.turn <- struct{}{}:
		defer o.end()
		_ = o.sendAll()
	default:
	}
}

func (o *output) sendAll() error {
	if o.err != nil || len(o.gathered) == 0 {
		return o.err
	}
	return o.send(len(o.gathered))
}

func (o *output) send(size int) error {
	ctx, cancel := outlasting(o.ctx)
	defer cancel()
	if err := o.work.Append(ctx, o.run.ID, o.run.Fence, o.seq, o.gathered[:size]); err != nil {
		o.err = fmt.Errorf("its output could not be kept: %w", err)
		o.stop(o.err)
		return o.err
	}
	o.seq++
	o.sent += size
	o.gathered = append(o.gathered[:0], o.gathered[size:]...)
	return nil
}
