// Package audit is the chained log: the hash of each row covers the row and
// the hash before it, so that an edited, removed, inserted or reordered row is
// found by whoever walks the chain. Rows are written by the outbox, in the
// transaction of the change that they tell of: no audit, no change.
package audit

import "time"

// Entry is what a row says. It never holds a value. Its JSON, fields in this
// order and empty ones left out, is what gets stored and hashed.
type Entry struct {
	At time.Time `json:"at"`
	// Kind is one of the constants below.
	Kind Kind `json:"kind"`
	// Actor is who asked: "source/NAME", "dispatcher", "operator/USER".
	Actor       string   `json:"actor"`
	EventID     string   `json:"event_id,omitempty"`
	Secret      string   `json:"secret,omitempty"`
	Version     int64    `json:"version,omitempty"`
	Operation   string   `json:"operation,omitempty"`
	Agents      []string `json:"agents,omitempty"`
	Destination string   `json:"destination,omitempty"`
	// Store and Alias are of a certificate store that was changed.
	Store string `json:"store,omitempty"`
	Alias string `json:"alias,omitempty"`
	// Detail says why, in words; for a refused key or a delivery given up.
	Detail string `json:"detail,omitempty"`
}

// Kind is what happened.
type Kind string

// The kinds.
const (
	EventAccepted     Kind = "event.accepted"
	EventAwaited      Kind = "event.awaited"
	ValueOverdue      Kind = "value.overdue"
	DeliveryDelivered Kind = "delivery.delivered"
	DeliveryDead      Kind = "delivery.dead"
	DeliveryRetried   Kind = "delivery.retried"
	DeliveryPaused    Kind = "delivery.paused"
	DeliveryResumed   Kind = "delivery.resumed"
	AgentQuarantined  Kind = "agent.quarantined"
	AgentReleased     Kind = "agent.released"
	AgentInvited      Kind = "agent.invited"
	AgentKeyRequested Kind = "agent.key-requested"
	AgentKeyApproved  Kind = "agent.key-approved"
	AgentKeyDenied    Kind = "agent.key-denied"
	AgentKeyAsked     Kind = "agent.key-asked"
	SecretResealed    Kind = "secret.resealed"
	EscrowDropped     Kind = "escrow.dropped"
	StoreAdded        Kind = "store.added"
	StoreRemoved      Kind = "store.removed"
	StoreCreated      Kind = "store.created"
	StoreRequested    Kind = "store.requested"
	StoreFinished     Kind = "store.finished"
	JobStarted        Kind = "job.started"
	JobRetried        Kind = "job.retried"
	JobCancelled      Kind = "job.cancelled"
	JobAcknowledged   Kind = "job.acknowledged"
	JobUnscheduled    Kind = "job.unscheduled"
	JobScheduled      Kind = "job.scheduled"
)

// Row is one row of the chain.
type Row struct {
	// Seq counts from 1 without gaps.
	Seq int64
	// Entry is the stored JSON.
	Entry []byte
	// Hash is over Seq, the hash of the row before, and Entry.
	Hash [32]byte
}
