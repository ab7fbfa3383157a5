package outbox

import (
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
)

// AwaitSlack is how much older than a change a value may be and still be taken
// for the changed one: the value and the news of it take different ways, and
// their clocks differ.
const AwaitSlack = 5 * time.Minute

// News is an accepted event that tells of a change without the value.
type News struct {
	Source  string
	EventID string
	Secret  string
	// ChangedAt is the sender's time, or ReceivedAt if it told none.
	ChangedAt  time.Time
	ReceivedAt time.Time
	// Due is when the value is overdue.
	Due time.Time
	// Answer is given again to a repeat of the event.
	Answer []byte
	Audit  audit.Entry
}

// Awaited says that the value of a secret is awaited.
type Awaited struct {
	Secret     string
	Source     string
	EventID    string
	ChangedAt  time.Time
	ReceivedAt time.Time
	Due        time.Time
	// AlertedAt is when Overdue told of it; zero if it did not yet.
	AlertedAt time.Time
}

// Secret is what is known of a secret's latest version.
type Secret struct {
	Name string
	// Version is 0 if no value ever came.
	Version int64
	// Deleted says that the latest version deleted the secret.
	Deleted    bool
	OccurredAt time.Time
	ReceivedAt time.Time
	// Awaited is set while a value is awaited.
	Awaited *Awaited
}

// SecretFilter selects secrets; its zero value selects all.
type SecretFilter struct {
	// Name is exact; empty means any.
	Name string
	// Awaited selects those whose value is awaited.
	Awaited bool
	// After continues a listing behind that name; the order is by name.
	After string
	// Limit bounds a listing; 0 means 1000.
	Limit int
}
