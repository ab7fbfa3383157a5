package push

import (
	"cmp"
	"context"
	"errors"

	"github.com/sealrelay/sealrelay/internal/spool"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// Flushed is what became of the events in a spool.
type Flushed struct {
	// Sent has the answers to those that the service took.
	Sent []wire.Answer
	// Lost are those that the service will not take any more, of this time and
	// of earlier ones: their secrets must be pushed again.
	Lost []spool.Event
	// Refused are those that the service refuses as it is now; they wait on.
	Refused []Refusal
	// Waiting is how many wait on because the service is away.
	Waiting int
	// Away is why it is; nil if it is not.
	Away error
	// Damaged names the files that cannot be read; nil if there is none.
	Damaged error
}

// Refusal is an event that was refused.
type Refusal struct {
	Event spool.Event
	Err   error
}

// Flush sends what waits in the Spool for the Client's URL, the oldest first and
// signed anew, and goes on until all is sent, the service is away, or the
// client's MaxElapsed is over. The error is that of the spool itself.
func (s *Sealer) Flush(ctx context.Context) (Flushed, error) {
	var flushed Flushed
	if err := s.Client.check(); err != nil {
		return flushed, err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.Client.MaxElapsed, DefaultMaxElapsed))
	defer cancel()
	waiting, damaged := s.Spool.Waiting(s.Client.URL)
	for i, event := range waiting {
		if err := s.flush(ctx, event, &flushed); err != nil {
			return flushed, err
		}
		if flushed.Away != nil {
			flushed.Waiting = len(waiting) - i
			break
		}
	}
	lost, damagedToo := s.Spool.Lost(s.Client.URL)
	flushed.Lost, flushed.Damaged = lost, errors.Join(damaged, damagedToo)
	return flushed, nil
}

func (s *Sealer) flush(ctx context.Context, event spool.Event, flushed *Flushed) error {
	answer, err := s.post(ctx, event, func() {})
	var problem *wire.ProblemError
	switch {
	case err == nil:
		flushed.Sent = append(flushed.Sent, answer)
		return s.Spool.Done(event)
	case errors.Is(err, ErrRecipientsChanged), errors.As(err, &problem) && problem.Kind() == "malformed":
		return s.Spool.SetAside(event, err.Error())
	case away(err):
		flushed.Away = err
	default:
		flushed.Refused = append(flushed.Refused, Refusal{event, err})
	}
	return nil
}
