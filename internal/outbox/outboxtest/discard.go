package outboxtest

import (
	"context"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// NewDiscard returns an outbox that accepts every Change, keeps nothing and
// syncs nothing. It is the control of the server's benchmarks, which show what
// an outbox costs by the difference to none. It does not pass Run.
func NewDiscard() outbox.Outbox { return discard{changed: make(chan struct{})} }

type discard struct{ changed chan struct{} }

func (discard) Prior(context.Context, string, string, string) (outbox.Prior, error) {
	return outbox.Prior{}, nil
}
func (discard) Commit(context.Context, outbox.Change) error { return nil }
func (discard) Repeated(context.Context, string, string, time.Time) ([]byte, error) {
	return nil, nil
}
func (discard) Await(context.Context, outbox.News) error                     { return nil }
func (discard) Overdue(context.Context, time.Time) ([]outbox.Awaited, error) { return nil, nil }
func (discard) CountAwaited(context.Context, time.Time) (waiting, overdue int, err error) {
	return 0, 0, nil
}
func (discard) Secrets(context.Context, outbox.SecretFilter) ([]outbox.Secret, error) {
	return nil, nil
}
func (discard) Claim(context.Context, time.Time, int, time.Duration, outbox.Room) ([]outbox.Delivery, error) {
	return nil, nil
}
func (discard) Settle(context.Context, outbox.Outcome) (outbox.Health, error) {
	return outbox.Health{}, outbox.ErrNotFound
}
func (discard) Acknowledge(context.Context, outbox.Acknowledgement) error { return outbox.ErrNotFound }
func (discard) NextDue(context.Context, outbox.Room) (time.Time, bool, error) {
	return time.Time{}, false, nil
}
func (d discard) Changed() <-chan struct{} { return d.changed }
func (discard) Retry(context.Context, outbox.Filter, audit.Entry) (int, error) {
	return 0, nil
}
func (discard) Pause(context.Context, outbox.Destination, audit.Entry) (bool, error) {
	return false, nil
}
func (discard) Resume(context.Context, outbox.Destination, audit.Entry) (int, error) {
	return 0, nil
}
func (discard) Quarantine(context.Context, string, audit.Entry) (bool, error) { return false, nil }
func (discard) Release(context.Context, string, audit.Entry) (bool, error)    { return false, nil }
func (discard) Copies(context.Context, outbox.SecretFilter) ([]outbox.Copies, error) {
	return nil, nil
}
func (discard) Escrow(context.Context, string) (outbox.Escrow, error) {
	return outbox.Escrow{}, outbox.ErrNotFound
}
func (discard) DropEscrow(context.Context, audit.Entry) (int, error)         { return 0, nil }
func (discard) Invite(context.Context, outbox.Invitation, audit.Entry) error { return nil }
func (discard) Enrol(_ context.Context, e outbox.Enrolment) (outbox.Enrolment, error) {
	return e, nil
}
func (discard) Decide(context.Context, string, string, outbox.EnrolmentState, string, audit.Entry) error {
	return outbox.ErrNotFound
}
func (discard) AskKeys(context.Context, string, audit.Entry) error     { return nil }
func (discard) Enrolments(context.Context) ([]outbox.Enrolment, error) { return nil, nil }
func (discard) Holds(context.Context) ([]outbox.Hold, error)           { return nil, nil }
func (discard) Attempts(context.Context, outbox.Key) ([]outbox.Attempt, error) {
	return nil, nil
}
func (discard) Get(context.Context, outbox.Key) (outbox.Delivery, error) {
	return outbox.Delivery{}, outbox.ErrNotFound
}
func (discard) List(context.Context, outbox.Filter) ([]outbox.Delivery, error) { return nil, nil }
func (discard) Count(context.Context) (map[outbox.State]int, error) {
	return map[outbox.State]int{}, nil
}
func (discard) Record(context.Context, audit.Entry) error                 { return nil }
func (discard) Audit(context.Context, int64, func(audit.Row) error) error { return nil }
func (discard) Forget(context.Context, time.Time) (int, error)            { return 0, nil }
func (discard) Probe(context.Context) error                               { return nil }
func (discard) Close() error                                              { return nil }
