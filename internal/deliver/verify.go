package deliver

import (
	"context"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Verifiable is what a destination adds that can look whether what it was given is
// still there.
type Verifiable interface {
	// Verify looks at what is there of a delivery of which some version was delivered,
	// and writes nothing. Envelope and statement are those of d.Version: they are held
	// against what is there if that is the version there; while a newer version is wanted
	// and not delivered, any from d.DeliveredVersion on will do. An error says that it
	// could not be looked at, and nothing of what is there.
	Verify(ctx context.Context, d outbox.Delivery) (Finding, error)
}

// Finding is what became of what was delivered.
type Finding struct {
	State FindingState
	// Detail says what is wrong, and nothing of a value; empty if it is Intact.
	Detail string
}

// FindingState is a Finding in a word.
type FindingState string

// The states of what was delivered.
const (
	// Intact: it is there as it was delivered.
	Intact FindingState = "intact"
	// Missing: nothing of it is there.
	Missing FindingState = "missing"
	// Older: what is there is an older version than the delivered one.
	Older FindingState = "older"
	// Changed: somebody else changed it, took a part of it away, or put something else
	// there.
	Changed FindingState = "changed"
)
