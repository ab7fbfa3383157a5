package standing

import (
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Holds are what is quarantined, is paused or keeps failing.
type Holds []outbox.Hold

// Hold is what an operator is shown of one.
type Hold struct {
	Why      string     `json:"why"`
	Since    *time.Time `json:"since"`
	By       string     `json:"by,omitempty"`
	Failures int        `json:"failures,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
}

// Of are those that hold up a destination.
func (h Holds) Of(at outbox.Destination) Holds {
	var found Holds
	for _, hold := range h {
		if hold.Agent == at.Agent && (hold.Destination.Destination == "" || hold.Destination == at) {
			found = append(found, hold)
		}
	}
	return found
}

func (h Holds) views(at outbox.Destination) []Hold {
	var shown []Hold
	for _, hold := range h.Of(at) {
		shown = append(shown, HoldOf(hold))
	}
	return shown
}

// HoldOf is the hold as it is shown.
func HoldOf(hold outbox.Hold) Hold {
	shown := Hold{Why: hold.Why(), By: hold.By, Failures: hold.Faults, Reason: hold.Reason, Until: Known(hold.Until)}
	for _, since := range []time.Time{hold.Quarantined, hold.Paused, hold.Broken} {
		if !since.IsZero() {
			shown.Since = Known(since)
		}
	}
	return shown
}
