package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
)

// The ways in which work on runs fails, beside those of an Outbox.
var (
	// ErrNoRun: there is no such run, or it is not in a state for that.
	ErrNoRun = errors.New("there is no such run, or it has ended")
	// ErrOutput: a chunk of an output is not the next one.
	ErrOutput = errors.New("chunk is not the next one of the output")
)

// RunState is where a run of a job stands.
type RunState string

// The states of runs.
const (
	// RunWaiting: due at DueAt.
	RunWaiting RunState = "waiting"
	// RunRunning: claimed; due again when its lease runs out.
	RunRunning RunState = "running"
	// RunEnded: with a Result.
	RunEnded RunState = "ended"
	// RunCancelled by an operator before it ran, or while it did.
	RunCancelled RunState = "cancelled"
)

// RunStates are all of them.
var RunStates = []RunState{RunWaiting, RunRunning, RunEnded, RunCancelled}

// RunResult is what came of a run that ended.
type RunResult string

// The results of runs.
const (
	RunSuccess RunResult = "success"
	// RunWarning: done, and somebody should look at the message.
	RunWarning RunResult = "warning"
	RunFailure RunResult = "failure"
)

// RunResults are all of them.
var RunResults = []RunResult{RunSuccess, RunWarning, RunFailure}

// RunTrigger is why there is a run.
type RunTrigger string

// The triggers of runs.
const (
	BySchedule RunTrigger = "schedule"
	ByOperator RunTrigger = "operator"
	// ByRetry: the run From failed.
	ByRetry RunTrigger = "retry"
	// ByChange: the run From changed a store, which is looked through now.
	ByChange RunTrigger = "change"
)

// Run is one run of a job. Times are zero where they are not known yet.
type Run struct {
	// ID is given by who adds it; IDs sort by when they were made.
	ID  string
	Job string
	// Runner is the agent that does it; empty if the service does.
	Runner string
	// Kind and Settings, JSON, say what is to be done, as they were when the run
	// was added.
	Kind     string
	Settings []byte
	// Timeout bounds one claim of it.
	Timeout time.Duration
	Trigger RunTrigger
	// By is the actor of ByOperator, and of ByRetry if an operator asked for it.
	By string
	// Slot is the time of the schedule that it stands for; zero if it stands for none.
	Slot time.Time
	// From is the run that it comes from: the one retried, or that changed a store.
	From string
	// Retries is how often it may be retried by itself if it fails, each RetryAfter
	// it ended.
	Retries    int
	RetryAfter time.Duration

	State   RunState
	Result  RunResult
	Message string
	// Cancel says that whoever runs it is to stop.
	Cancel  bool
	AddedAt time.Time
	DueAt   time.Time
	// StartedAt is that of the latest claim.
	StartedAt time.Time
	EndedAt   time.Time
	// Claims counts how often it was begun; Fence grows with each, and who works on
	// the run must show the newest.
	Claims int
	Fence  int64
	// LeaseUntil is when it is due again, as its runner is taken for dead.
	LeaseUntil time.Time
	// Output is the size of what it has put out, in bytes.
	Output         int64
	AcknowledgedAt time.Time
	AcknowledgedBy string
}

// RunEnd is how a claimed run ended.
type RunEnd struct {
	ID    string
	Fence int64
	// State is RunEnded, or RunCancelled without a Result, or RunWaiting if the run is
	// given back: it is due at once, this claim does not count, and there is neither
	// Result nor Message. One that is to stop becomes RunCancelled then.
	State   RunState
	Result  RunResult
	Message string
	At      time.Time
	// Then are runs that are added in the same transaction.
	Then []Run
}

// RunFilter selects runs; its zero value selects all.
type RunFilter struct {
	// ID, Job, Runner and Kind are exact; empty means any. OnService selects those
	// without a Runner.
	ID, Job, Runner, Kind string
	OnService             bool
	// States and Results are alternatives; empty means any.
	States  []RunState
	Results []RunResult
	// Unacknowledged selects warnings and failures that nobody acknowledged.
	Unacknowledged bool
	// Before continues a listing behind the run of that ID; the newest come first.
	Before string
	// Limit bounds a listing; 0 means 1000.
	Limit int
}

// Plan is what is known of a job's schedule.
type Plan struct {
	Job string
	// Schedule is the one that Last belongs to, in text.
	Schedule string
	// Last is the last slot that was planned, or from when on slots count.
	Last time.Time
	// Off says that an operator took the job off its schedule.
	Off bool
}

// RunCount counts runs of a job.
type RunCount struct {
	Job    string
	State  RunState
	Result RunResult
	Count  int
	// Unacknowledged is how many of them nobody acknowledged, of warnings and
	// failures.
	Unacknowledged int
	// Latest is when the last of them ended; zero if none has.
	Latest time.Time
}

// Jobs keeps the runs of jobs. Its methods are safe for concurrent use, by several
// processes too; a write returns nil only after its transaction is synced to disk,
// and fails with the errors of an Outbox.
type Jobs interface {
	// AddRun adds a run that is RunWaiting. The entry is written with it; nil for none.
	AddRun(ctx context.Context, run Run, entry *audit.Entry) error
	// PlanRun moves the job's Plan to the run's Slot, of that schedule, and adds the
	// run. It does neither, and returns false, if the plan is there already or further,
	// with the same schedule, or is Off. Unless queue is set it moves the plan alone, and returns false,
	// if a run of the job runs, or waits and is due at AddedAt: a job that takes longer
	// than its interval does not queue up.
	PlanRun(ctx context.Context, run Run, schedule string, queue bool) (bool, error)
	// ClaimRun leases the run of that runner that is due longest until now+lease:
	// one that waits, or whose lease ran out, and of whose job no other run is leased. Its
	// output is empty then. A run whose lease ran out and that was claimed limit
	// times is not claimed but ends as a RunFailure, whose message says why, or
	// as RunCancelled if it was to stop. ok is false if there is none.
	ClaimRun(ctx context.Context, runner string, now time.Time, lease time.Duration, limit int) (run Run, ok bool, err error)
	// ExtendRun moves the end of the lease and says whether the run is to stop.
	// ErrFenced if it was claimed again or is not running.
	ExtendRun(ctx context.Context, id string, fence int64, until time.Time) (stop bool, err error)
	// AppendOutput appends chunk seq, from 0, to the output. The chunk that was
	// appended last may come again. ErrFenced, and ErrOutput if it is another chunk.
	AppendOutput(ctx context.Context, id string, fence int64, seq int, chunk []byte) error
	// EndRun records the end of a claim. ErrFenced if it was claimed again or is
	// not running.
	EndRun(ctx context.Context, end RunEnd, entry *audit.Entry) error
	// CancelRun cancels a run that waits, and tells one that runs to stop. It
	// returns the run as it is then; ErrNoRun if it ended.
	CancelRun(ctx context.Context, id string, entry audit.Entry) (Run, error)
	// AcknowledgeRuns acknowledges the selected runs that are warnings or failures
	// and that nobody acknowledged, and returns how many; if none, there is no audit
	// row. Limit and Before do not count here.
	AcknowledgeRuns(ctx context.Context, filter RunFilter, entry audit.Entry) (int, error)
	// GetRun reads one run; ErrNoRun if there is none.
	GetRun(ctx context.Context, id string) (Run, error)
	// Runs reads runs, the newest first.
	Runs(ctx context.Context, filter RunFilter) ([]Run, error)
	// Output calls visit for each chunk of a run's output, in order.
	Output(ctx context.Context, id string, visit func(chunk []byte) error) error
	// NextRun is when a run of that runner can be claimed, unless other runs of its job
	// end before; ok is false if there is none.
	NextRun(ctx context.Context, runner string) (at time.Time, ok bool, err error)
	// JobsChanged gets a signal after this process changed runs or plans; signals that nobody waited for are merged.
	JobsChanged() <-chan struct{}
	// Plans reads what is known of schedules, by job.
	Plans(ctx context.Context) (map[string]Plan, error)
	// SetPlan keeps a plan in place of the job's other one. The entry is written
	// unless it is nil.
	SetPlan(ctx context.Context, plan Plan, entry *audit.Entry) error
	// CountRuns counts runs by job, state and result.
	CountRuns(ctx context.Context) ([]RunCount, error)
	// ForgetRuns removes runs that ended before the time, and of each job those that
	// ended before its latest keep, with their outputs, and returns how many. No
	// more than limit at once.
	ForgetRuns(ctx context.Context, before time.Time, keep, limit int) (int, error)
}
