// Package outbox is the durable table of deliveries: one row per (agent,
// destination, secret), the latest version wins. It also remembers which
// events were accepted and holds the audit chain, because all three change in
// one transaction. Package outboxtest has the conformance suite that every
// implementation passes; sqlite and postgres are the implementations.
package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
)

// The ways in which a call fails. Whatever is not one of these is a defect of
// the caller or of the implementation.
var (
	// ErrConflict: the version of a Change is not the one after the latest.
	// Nothing was persisted; read Prior again.
	ErrConflict = errors.New("another version of the secret came first")
	// ErrUnavailable: nothing was persisted; the same call may succeed later.
	ErrUnavailable = errors.New("outbox is not available")
	// ErrAmbiguous: the commit may or may not have been persisted. The sender
	// must be told that it failed; its retry finds out by the event ID.
	ErrAmbiguous = errors.New("outbox commit has an unknown outcome")
	// ErrFenced: the lease was lost, or a newer version replaced the claimed
	// one. Nothing of the outcome was recorded as the row's state.
	ErrFenced = errors.New("delivery is no longer held by this claim")
	// ErrNotFound: there is no such delivery.
	ErrNotFound = errors.New("no such delivery")
	// ErrAcknowledged: that version, or a newer one, is there already.
	ErrAcknowledged = errors.New("version was acknowledged before")
)

// DuplicateError says that the event was accepted before.
type DuplicateError struct {
	// Answer is what was stored with the event.
	Answer []byte
}

func (*DuplicateError) Error() string { return "event was accepted before" }

// Key names a delivery.
type Key struct {
	Agent       string `json:"agent"`
	Destination string `json:"destination"`
	Secret      string `json:"secret"`
}

// State is where a delivery stands.
type State string

// The states.
const (
	// Pending: wanted and not yet there; due at Next, or claimed.
	Pending State = "pending"
	// Waiting: the wanted version waits for the agent to fetch it.
	Waiting State = "waiting"
	// Delivered: the wanted version is there.
	Delivered State = "delivered"
	// Dead: given up, for the row's Reason; an operator may retry it.
	Dead State = "dead"
	// Blocked: the wanted version could not be sealed for the agent, for the
	// row's Reason; it needs a new push once the key is mended.
	Blocked State = "blocked"
)

// States are all of them.
var States = []State{Pending, Waiting, Delivered, Dead, Blocked}

// Sealed is what one destination of one agent is to get.
type Sealed struct {
	Agent       string
	Destination string
	Format      string
	KeyID       string
	// Envelope is empty on a delete and on a blocked one.
	Envelope []byte
	// Statement is the signed statement, a compact JWS; empty when blocked.
	Statement string
	// Blocked is why there is no envelope; empty when there is one.
	Blocked string
}

// Change is one accepted event, sealed.
type Change struct {
	Source    string
	EventID   string
	Secret    string
	Operation string
	// Version is the latest version of the secret plus one.
	Version int64
	// OccurredAt is the sender's time; zero if it told none.
	OccurredAt time.Time
	ReceivedAt time.Time
	// Digest is a keyed digest of the value and of who gets it; nil if it is
	// not to be known again.
	Digest []byte
	Sealed []Sealed
	// Escrow is the copy for the escrow key; nil if there is to be none.
	Escrow *Sealed
	// Answer is given again to a repeat of the event.
	Answer []byte
	Audit  audit.Entry
}

// Prior is what is known before a Change.
type Prior struct {
	// Answer is that of the same event, accepted before; nil if it is new.
	Answer []byte
	// Version is the secret's latest, 0 if it has none.
	Version int64
	// OccurredAt is that of the latest version; zero if its sender told none.
	OccurredAt time.Time
	// ReceivedAt, Deleted and Digest are those of the latest version.
	ReceivedAt time.Time
	Deleted    bool
	Digest     []byte
}

// Delivery is one row.
type Delivery struct {
	Key
	State     State
	Operation string
	// Version is the one wanted, DeliveredVersion the one that is there (0:
	// none).
	Version          int64
	DeliveredVersion int64
	Format           string
	KeyID            string
	// Envelope and Statement are filled by Claim and Get only.
	Envelope  []byte
	Statement string
	Source    string
	EventID   string
	// Attempts counts the failed attempts at the wanted version.
	Attempts    int
	Next        time.Time
	Reason      string
	AcceptedAt  time.Time
	UpdatedAt   time.Time
	DeliveredAt time.Time
	// Receipt is the agent's signed receipt for DeliveredVersion; empty if there
	// is none.
	Receipt string
	// Fence grows with each claim of the row; Settle must show the newest.
	Fence int64

	// The rest is of the destination, and filled by Claim only. Faults are how
	// many attempts in a row failed for its sake. Probe says that it is broken
	// and this the one claim that tries it. Resumed is when the last pause of
	// it ended; zero if there was none.
	Faults  int
	Probe   bool
	Resumed time.Time
}

// Outcome is how an attempt at a claimed delivery ended.
type Outcome struct {
	Key
	// Fence, Version and Probe are those of the claim.
	Fence   int64
	Version int64
	Probe   bool
	// State is Delivered, Pending (to be tried again at Next), Waiting or Dead.
	State  State
	Next   time.Time
	Reason string
	At     time.Time
	// Fault is set if the destination failed. Without it an outcome that is
	// neither Delivered nor Waiting says nothing of the destination.
	Fault *Fault
	// Receipt is the agent's, if it is Delivered and the agent gave one.
	Receipt string
	// Audit is required if State is Delivered or Dead.
	Audit *audit.Entry
}

// Acknowledgement says that an agent has a version, without a claim: the agent
// fetched it, or its receipt came later.
type Acknowledgement struct {
	Key
	Version int64
	// Receipt is the agent's, verified.
	Receipt string
	At      time.Time
	Audit   audit.Entry
}

// Filter selects deliveries; its zero value selects all.
type Filter struct {
	// Agent, Destination and Secret are exact; empty means any.
	Agent, Destination, Secret string
	// States are alternatives; empty means any.
	States []State
	// Current leaves out those whose secret has a newer version with no copy
	// for them.
	Current bool
	// After continues a listing behind that key; the order is by Key.
	After *Key
	// Limit bounds a listing; 0 means 1000.
	Limit int
}

// Outbox is the store. Its methods are safe for concurrent use, by several
// processes too. A write returns nil only after its transaction is synced to
// disk; concurrent writes share one sync. Times are kept to the microsecond.
type Outbox interface {
	// Prior reads what is known of the event and of the secret.
	Prior(ctx context.Context, source, eventID, secret string) (Prior, error)
	// Commit persists a Change: the secret's version, each delivery, the event
	// with its answer, the copy in escrow, the audit row; all or nothing. It returns a
	// *DuplicateError if the event is known, and ErrConflict, ErrUnavailable
	// or ErrAmbiguous. A cancelled ctx stops the wait, not the commit.
	Commit(ctx context.Context, change Change) error

	// Repeated is the answer of the latest event of the source, received at
	// since or later, whose ID begins with prefix; nil if there is none. IDs
	// are printable ASCII.
	Repeated(ctx context.Context, source, prefix string, since time.Time) ([]byte, error)

	// Await persists News: the event with its answer, what is awaited, the
	// audit row; all or nothing. News of a secret whose value is awaited
	// already does not move when that is due. A value settles it whose
	// OccurredAt, or else ReceivedAt, is at most AwaitSlack before the change,
	// whether it comes before the news or after. Errors are those of Commit
	// but for ErrConflict.
	Await(ctx context.Context, news News) error
	// Overdue returns what is awaited and due now, each once, and writes an
	// audit row for each.
	Overdue(ctx context.Context, now time.Time) ([]Awaited, error)
	// CountAwaited counts what is awaited and not yet due, and what is overdue.
	CountAwaited(ctx context.Context, now time.Time) (waiting, overdue int, err error)
	// Secrets reads secrets in the order of their names.
	Secrets(ctx context.Context, filter SecretFilter) ([]Secret, error)

	// Claim leases up to limit due deliveries, each until now+lease, which is
	// their Next then. Destinations take turns, the one first that waits
	// longest for its turn; of each the oldest due come first, no more than
	// room allows. A delivery whose lease ran out is due again. Nothing is
	// claimed of a paused destination; see Fault for a broken one. A due
	// delivery whose secret has a newer version with no copy for it (the agent
	// is routed to no more) is not leased: it becomes Dead, with an audit row,
	// as the older version must not be sent any more.
	Claim(ctx context.Context, now time.Time, limit int, lease time.Duration, room Room) ([]Delivery, error)
	// Settle records the outcome of a claim, keeps a failure among the
	// delivery's attempts and ends the lease. A claim whose lease ran out can still be
	// settled until the row is claimed again. If a newer version was committed
	// meanwhile, the row stays Pending and due for that one, DeliveredVersion
	// is kept up, and ErrFenced is returned. What waits for another attempt at
	// a destination that this outcome mends becomes due.
	Settle(ctx context.Context, outcome Outcome) (Health, error)
	// Acknowledge records that a version is there: DeliveredVersion, and, if it
	// is the wanted one, the state Delivered, whatever it was but for Blocked.
	// A running claim is fenced off. ErrNotFound if there is no such delivery,
	// ErrAcknowledged if a newer version is there, or that version with a
	// receipt; it is taken again where the version is wanted once more.
	Acknowledge(ctx context.Context, ack Acknowledgement) error
	// NextDue is when the next delivery is due or a lease runs out, at a
	// destination that is not paused and where room is not 0; for a broken
	// one, when it is to be tried. If several are due already it is the time
	// of any of them. ok is false when there is none.
	NextDue(ctx context.Context, room Room) (at time.Time, ok bool, err error)
	// Changed gets a signal after this process committed deliveries; signals
	// that nobody waited for are merged.
	Changed() <-chan struct{}

	// Retry makes the selected deliveries that have something to deliver due
	// at the entry's time with no attempts counted, and returns how many. Not
	// touched are blocked ones and those whose secret has a newer version with
	// no copy for them; a running claim keeps its lease, and a broken
	// destination is tried at once. Limit and After do not count here. If there
	// is none, there is no audit row.
	Retry(ctx context.Context, filter Filter, entry audit.Entry) (int, error)
	// Pause keeps the destination's deliveries from being claimed until Resume;
	// an empty Destination means all of the agent's, known or not. Attempts
	// that run are not stopped. It returns false, and writes no audit row, if
	// just that is paused already.
	Pause(ctx context.Context, at Destination, entry audit.Entry) (bool, error)
	// Resume ends the pause of the destination; an empty Destination ends all
	// pauses of the agent. It returns how many it ended; if none, there is no
	// audit row.
	Resume(ctx context.Context, at Destination, entry audit.Entry) (int, error)
	// Quarantine keeps everything from the agent until Release: nothing of it is
	// claimed, and what waits for it to be fetched becomes Pending. What comes
	// meanwhile is for the caller to block. Attempts that run are not stopped. It
	// returns false, and writes no audit row, if the agent is in quarantine.
	Quarantine(ctx context.Context, agent string, entry audit.Entry) (bool, error)
	// Release ends the quarantine of the agent, whose pauses stay. It returns
	// false, and writes no audit row, if the agent is not in quarantine.
	Release(ctx context.Context, agent string, entry audit.Entry) (bool, error)
	// Copies reads the copies of secrets in the order of their names. The
	// filter's Awaited does not count.
	Copies(ctx context.Context, filter SecretFilter) ([]Copies, error)
	// Escrow reads the copy of a secret's latest version for the escrow key;
	// ErrNotFound if there is none.
	Escrow(ctx context.Context, secret string) (Escrow, error)
	// DropEscrow removes the copies for the escrow key, all of them, and returns
	// how many; if none, there is no audit row.
	DropEscrow(ctx context.Context, entry audit.Entry) (int, error)
	// Invite keeps the invitation, in place of another one of the agent.
	Invite(ctx context.Context, invitation Invitation, entry audit.Entry) error
	// Enrol keeps keys that an agent asked for, uses up its invitation, and writes
	// the audit row. Keys that the agent asked for before with the same invitation,
	// or the same endorsement, are returned as they are now. State is Approved,
	// Denied or Requested; an invitation alone approves no other keys than the
	// first, so that it is Requested then. What the agent asked for before is
	// Replaced. ErrNotInvited if there is no such invitation, or Endorser is not
	// the present signing key.
	Enrol(ctx context.Context, e Enrolment) (Enrolment, error)
	// Decide makes what an agent Requested Approved or Denied; ErrNotFound if it
	// did not request that key, or that was decided. A certificate of that key
	// takes its place; empty if there is none.
	Decide(ctx context.Context, agent, keyID string, state EnrolmentState, certificate string, entry audit.Entry) error
	// AskKeys asks the agent for other keys than its Approved ones; ErrNotFound if
	// it has none.
	AskKeys(ctx context.Context, agent string, entry audit.Entry) error
	// Enrolments reads all of them, by agent and the oldest first.
	Enrolments(ctx context.Context) ([]Enrolment, error)
	// Holds lists what is quarantined, paused or broken, by agent and
	// destination.
	Holds(ctx context.Context) ([]Hold, error)
	// Attempts are the latest failed attempts at a delivery, no more than
	// KeptAttempts, and the delivery of DeliveredVersion, oldest first.
	Attempts(ctx context.Context, key Key) ([]Attempt, error)
	// Get reads one delivery; ErrNotFound if there is none.
	Get(ctx context.Context, key Key) (Delivery, error)
	// List reads deliveries in the order of their keys.
	List(ctx context.Context, filter Filter) ([]Delivery, error)
	// Count counts deliveries by state.
	Count(ctx context.Context) (map[State]int, error)
	// Record writes an audit row alone, of a change that was made elsewhere.
	Record(ctx context.Context, entry audit.Entry) error
	// Audit calls visit for each audit row from seq on, in order.
	Audit(ctx context.Context, seq int64, visit func(audit.Row) error) error
	// Forget removes what is known of events received before the time, and
	// returns how many; their repeats count as new.
	Forget(ctx context.Context, before time.Time) (int, error)
	// Probe writes and syncs a row, to show that the outbox can.
	Probe(ctx context.Context) error
	// Close waits for running writes.
	Close() error
}
