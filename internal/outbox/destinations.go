package outbox

import "time"

// Destination names one destination of an agent.
type Destination struct {
	Agent       string `json:"agent"`
	Destination string `json:"destination"`
}

// At is the destination of the delivery.
func (k Key) At() Destination { return Destination{k.Agent, k.Destination} }

// Room says how many more of a destination's deliveries may be claimed now; nil
// means any number. It is called while the outbox works, so it must neither
// wait nor call the outbox. It may be called after the call ended that it was
// given to.
type Room func(Destination) int

// Fault is a failure of the destination and not of the delivery.
type Fault struct {
	// Limit is the number of faults in a row from which on the destination is
	// broken: nothing of it is claimed before Until, then one delivery at a
	// time, until one is settled as Delivered or Waiting.
	Limit int
	Until time.Time
}

// Health is how a destination does after a settled claim.
type Health struct {
	// Faults is how many attempts in a row failed for the destination's sake.
	Faults int
	// BrokenSince is zero if the destination is not broken.
	BrokenSince time.Time
	// News says that the claim's Fault has another reason than the one before
	// it, Turned that the destination broke or was mended by this outcome.
	News, Turned bool
}

// Hold is why nothing, or next to nothing, of a destination is claimed. One of
// Quarantined, Paused and Broken is set; a destination may have several.
type Hold struct {
	// Destination is empty within it if it is for all of the agent's.
	Destination
	// Quarantined is when an operator put the agent in quarantine, Paused when
	// one paused the destination; By is who that was.
	Quarantined time.Time
	Paused      time.Time
	By          string
	// Broken is since when, Faults and Reason why, and Until when it is tried
	// again.
	Broken time.Time
	Faults int
	Reason string
	Until  time.Time
}

// Why is "quarantined", "paused" or "failing".
func (h Hold) Why() string {
	switch {
	case !h.Quarantined.IsZero():
		return "quarantined"
	case !h.Paused.IsZero():
		return "paused"
	}
	return "failing"
}

// Attempt is what is kept of an attempt at a delivery.
type Attempt struct {
	At      time.Time `json:"at"`
	Version int64     `json:"version"`
	// State is what the attempt led to; Reason says why it is not Delivered.
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// KeptAttempts is how many failed attempts at a delivery are kept.
const KeptAttempts = 10
