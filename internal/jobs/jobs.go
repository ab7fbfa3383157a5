// Package jobs runs jobs: work on stores and commands of the operator's, now or on a
// schedule, on the service or on an agent. A [Planner] adds the runs that schedules ask
// for, a [Runner] takes those that are due and has them done, and a [Desk] is where
// operators and agents turn to.
package jobs

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

const (
	// MaxOutput bounds the output of a run, in bytes; that of a command is bounded by
	// MaxCommandOutput. What is beyond it is left out, and the run a warning.
	MaxOutput = 32 << 20
	// MaxCommandOutput bounds the output of a command, in bytes.
	MaxCommandOutput = 2 << 20
	// MaxChunk bounds a chunk of an output, in bytes.
	MaxChunk = 256 << 10
	// MaxMessage bounds the message of a run, in bytes.
	MaxMessage = 4000
)

// Task is a run as who does it sees it.
type Task struct {
	// ID is the run's, Job the name of its job.
	ID, Job string
	// Settings are those of the kind.
	Settings json.RawMessage
	// Output takes what the run puts out; it is bounded and sent on as it comes.
	Output io.Writer
	// Sign has the job's authority sign a request for a certificate, PEM, and returns
	// the certificate and those it was issued by, PEM.
	Sign func(ctx context.Context, csr []byte) ([]byte, error)
}

// Report is what came of a task.
type Report struct {
	// Warning says that it is done and that somebody should look at it.
	Warning bool
	// Message says what was done, in a sentence or a few lines.
	Message string
	// Changed is the store that is to be looked through now, as it was changed; empty
	// if none was.
	Changed string
}

// Kind does the tasks of a kind. Its error makes the run a failure. It ends soon after
// ctx ends, and is safe for concurrent use.
type Kind func(ctx context.Context, task Task) (Report, error)

// Work is where a [Runner] gets runs from and reports to: the service itself, or an
// agent's mailbox. The errors are those of outbox.Jobs.
type Work interface {
	// Claim waits until a run is due and leases it, or until ctx ends.
	Claim(ctx context.Context) (outbox.Run, error)
	// Extend keeps the lease, and says whether the run is to stop.
	Extend(ctx context.Context, id string, fence int64) (stop bool, err error)
	// Append sends chunk seq of the output, from 0; it may be sent again.
	Append(ctx context.Context, id string, fence int64, seq int, chunk []byte) error
	// Sign has the job's authority sign a request for a certificate.
	Sign(ctx context.Context, id string, fence int64, csr []byte) ([]byte, error)
	// End reports how the run ended.
	End(ctx context.Context, id string, fence int64, end End) error
}

// End is how a run ended, as its runner reports it.
type End struct {
	Result  outbox.RunResult `json:"result"`
	Message string           `json:"message,omitempty"`
	// Changed is the store that was changed.
	Changed string `json:"changed,omitempty"`
	// Stopped says that it stopped as it was told to; there is no Result then.
	Stopped bool `json:"stopped,omitempty"`
	// GivenBack says that its runner stopped before it was done, so that it is to be
	// done from the start; there is no Result then.
	GivenBack bool `json:"given_back,omitempty"`
}

// Lease is how long a run is taken to be alive of which nothing is heard. Its runner
// extends it many times meanwhile.
const Lease = 2 * time.Minute

// MaxClaims is how often a run is begun whose runner dies.
const MaxClaims = 3
