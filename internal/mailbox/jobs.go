package mailbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

const (
	// repeatWithin is how long a claim that comes again gets the run of the first one:
	// that long its lease is the agent's whatever happens.
	repeatWithin = jobs.Lease / 3
	// maxClaims bounds the claims, and the ends of runs, that are remembered of one
	// agent, maxSignatures what was signed for it.
	maxClaims     = 1000
	maxSignatures = 64
)

// ErrRunLost says that the agent has no such run, or another claim of it is newer, or
// it has ended. Which it is is not told: a run of another agent is none.
var ErrRunLost = errors.New("the agent does not have that run, or not any more")

// errNotDone is that of work which panicked.
var errNotDone = errors.New("not done")

// ClaimRun leases a run that is due for the agent, and waits for one as long as wait
// says, at most MaxWait; nil if none came. A claim of the same ID gets the same answer: an agent
// whose answer was lost asks again, and whoever saw the request takes nothing away by
// sending it once more. It returns ErrFull or ErrAgentWaits in place of waiting.
func (m *Mailbox) ClaimRun(ctx context.Context, agent *Agent, id string, wait time.Duration) (*wire.Run, error) {
	rings, leave, err := m.runners.listen(agent.Name)
	if err != nil {
		return nil, err
	}
	defer leave()
	run, at, err := m.claims.do(ctx, agent.Name, id, func() (*wire.Run, error) {
		return m.claimRun(ctx, agent, rings, min(wait, MaxWait))
	})
	if run != nil && time.Since(at) > repeatWithin {
		return nil, err
	}
	return run, err
}

func (m *Mailbox) claimRun(ctx context.Context, agent *Agent, rings <-chan struct{}, wait time.Duration) (*wire.Run, error) {
	if m.closed.Load() {
		return nil, nil
	}
	waiting, stop := context.WithTimeout(ctx, wait)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-rings: // It rings when the service stops or has another configuration.
			stop()
		case <-waiting.Done():
		}
	}()
	run, err := m.jobs(agent.Name).Claim(waiting)
	over := waiting.Err() != nil || errors.Is(err, jobs.ErrClosed)
	stop()
	<-ended
	switch {
	case err == nil:
		return wireRun(run), nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case over:
		return nil, nil
	}
	return nil, fmt.Errorf("claim for agent %s: %w", agent.Name, err)
}

// wireRun is a run as its agent sees it. The time is rounded up to whole seconds.
func wireRun(run outbox.Run) *wire.Run {
	seconds := int64((run.Timeout + time.Second - 1) / time.Second)
	return &wire.Run{ID: run.ID, Fence: run.Fence, Job: run.Job, Kind: run.Kind, Settings: run.Settings, TimeoutSeconds: seconds}
}

// ExtendRun keeps the agent's lease, and says whether the run is to stop.
func (m *Mailbox) ExtendRun(ctx context.Context, agent *Agent, id string, fence int64) (stop bool, err error) {
	stop, err = m.jobs(agent.Name).Extend(ctx, id, fence)
	return stop, lost(err)
}

// AppendOutput takes chunk seq of a run's output, from 0. The latest one may come again.
func (m *Mailbox) AppendOutput(ctx context.Context, agent *Agent, id string, fence int64, seq int, chunk []byte) error {
	return lost(m.jobs(agent.Name).Append(ctx, id, fence, seq, chunk))
}

// SignRequest has the authority of the run's job sign a request for a certificate. The
// same request of a claim is signed once.
func (m *Mailbox) SignRequest(ctx context.Context, agent *Agent, id string, fence int64, csr []byte) ([]byte, error) {
	signed, _, err := m.signatures.do(ctx, agent.Name, keyOf(id, fence, csr), func() ([]byte, error) {
		return m.jobs(agent.Name).Sign(ctx, id, fence, csr)
	})
	return signed, lost(err)
}

// EndRun takes how a run ended. The same may come again.
func (m *Mailbox) EndRun(ctx context.Context, agent *Agent, id string, fence int64, end jobs.End) error {
	_, _, err := m.ends.do(ctx, agent.Name, keyOf(id, fence, fmt.Appendf(nil, "%+v", end)), func() (struct{}, error) {
		return struct{}{}, m.jobs(agent.Name).End(ctx, id, fence, end)
	})
	return lost(err)
}

// keyOf names what an agent told of a claim.
func keyOf(id string, fence int64, told []byte) string {
	return fmt.Sprintf("%s\x00%d\x00%x", id, fence, sha256.Sum256(told))
}

// lost leaves of these errors nothing that tells one from the other.
func lost(err error) error {
	if errors.Is(err, outbox.ErrNoRun) || errors.Is(err, outbox.ErrFenced) {
		return ErrRunLost
	}
	return err
}
