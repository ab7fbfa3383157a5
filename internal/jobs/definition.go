package jobs

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sealrelay/sealrelay/internal/jobs/schedule"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Names of kinds that this package treats on their own.
const (
	// KindInventory lists a store; what has changed since the last one is told.
	KindInventory = "inventory"
	// KindReEnrol renews a certificate; it alone may have requests signed.
	KindReEnrol = "re-enrol"
	// KindCustom runs a command; it alone takes parameters.
	KindCustom = "custom"
)

// Definition is a job of the configuration that holds.
type Definition struct {
	Name string
	// Runner is the agent that does it; empty if the service does.
	Runner   string
	Kind     string
	Settings json.RawMessage
	Schedule schedule.Schedule
	// Timeout bounds one run.
	Timeout time.Duration
	// Retries is how often a run that failed is retried by itself, each RetryAfter it
	// ended.
	Retries    int
	RetryAfter time.Duration
	// CheckParameters finds what is wrong with the parameters of a command; nil if that
	// is not known here.
	CheckParameters func(map[string]any) error
	// Authority signs what its runs ask to be signed; nil if nothing may be.
	Authority *Authority
}

// run is a new run of the job.
func (d Definition) run(now time.Time, trigger outbox.RunTrigger) outbox.Run {
	return outbox.Run{
		ID: newID(now), Job: d.Name, Runner: d.Runner, Kind: d.Kind, Settings: d.Settings, Timeout: d.Timeout, Trigger: trigger,
		Retries: d.Retries, RetryAfter: d.RetryAfter, State: outbox.RunWaiting, AddedAt: now, DueAt: now,
	}
}

// store is the store that the settings name; empty if they name none.
func store(settings []byte) string {
	var named struct {
		Store string `json:"store"`
	}
	if json.Unmarshal(settings, &named) != nil {
		return ""
	}
	return named.Store
}

// lastID is the time in the ID that was made last, in microseconds.
var lastID atomic.Int64

// newID makes an ID of a run. IDs sort by the microsecond that they were made in, and
// those of one process by their order.
func newID(now time.Time) string {
	stamp := now.UnixMicro()
	for {
		last := lastID.Load()
		stamp = max(stamp, last+1)
		if lastID.CompareAndSwap(last, stamp) {
			break
		}
	}
	random := make([]byte, 4)
	rand.Read(random) // It does not fail.
	return fmt.Sprintf("%014x%s", stamp, hex.EncodeToString(random))
}

// cut shortens a message to MaxMessage bytes.
func cut(message string) string {
	const mark = " ..."
	if len(message) <= MaxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:MaxMessage-len(mark)], "") + mark
}
