// Package wire has the JSON that the hook endpoint answers with. The server
// writes these types and the push client reads them. None of them has room for
// a secret's value.
package wire

import (
	"slices"
	"time"
)

// ProblemType is the media type of a Problem (RFC 9457, section 3).
const ProblemType = "application/problem+json"

// Status says what became of an event.
type Status string

// The statuses of an Answer.
const (
	// Accepted: the sealed deliveries are committed. Sent with HTTP 202.
	Accepted Status = "accepted"
	// Duplicate: the event was accepted before; the rest of the Answer is what
	// was answered then. Sent with HTTP 200.
	Duplicate Status = "duplicate"
	// Stale: a newer version of the secret is already known, so nothing is
	// delivered. Sent with HTTP 200.
	Stale Status = "stale"
	// Unchanged: the event has no ID, and its value is the latest one, which
	// everybody has who would get it. Sent with HTTP 200.
	Unchanged Status = "unchanged"
	// Awaited: the event tells of a change without the value, which has to come
	// another way. Sent with HTTP 202.
	Awaited Status = "awaited"
	// Settled: the event tells of a change whose value had already come. Sent
	// with HTTP 200.
	Settled Status = "settled"
	// Refused: one event of several, which tells of a change, is none of this
	// source's; Detail says why.
	Refused Status = "refused"
	// Ignored: the request is understood and concerns no secret. Sent with HTTP
	// 200.
	Ignored Status = "ignored"
)

// Outcome says what an agent will get.
type Outcome string

// The outcomes of an AgentOutcome.
const (
	// Queued: sealed for the agent, and on its way to each destination.
	Queued Outcome = "queued"
	// Blocked: not sealed, because the agent's key fails policy; push again
	// once the key is mended.
	Blocked Outcome = "blocked"
)

// Answer is the body of a 2xx answer to a hook.
type Answer struct {
	Status Status `json:"status"`
	// EventID is the ID by which a repeat of the event is known.
	EventID string `json:"event_id"`
	// Secret is the logical name of the secret.
	Secret string `json:"secret"`
	// Version is the version that the event made. Of an event that made none
	// it is the latest that is known, 0 if there is none.
	Version int64 `json:"version"`
	// AcceptedAt is when the event was accepted.
	AcceptedAt time.Time `json:"accepted_at"`
	// Agents has an entry for each agent that a route chose, sorted by name,
	// and a further one where some of its destinations are blocked and others
	// are not.
	Agents []AgentOutcome `json:"agents,omitempty"`
	// AwaitedUntil is when an awaited value is overdue.
	AwaitedUntil *time.Time `json:"awaited_until,omitempty"`
	// Detail is why an event is Refused.
	Detail string `json:"detail,omitempty"`
}

// Batch is the body of a 2xx answer to a request of several events, or of none.
type Batch struct {
	// Status is Accepted if any event was, else Awaited if any is, else that of
	// the first event; Ignored if there is none.
	Status Status `json:"status"`
	// Events has the answer to each event, in the order of the request.
	Events []Answer `json:"events,omitempty"`
}

// NewBatch sums up the answers to a request's events.
func NewBatch(answers []Answer) Batch {
	batch := Batch{Status: Ignored, Events: answers}
	for _, status := range []Status{Accepted, Awaited} {
		if slices.ContainsFunc(answers, func(a Answer) bool { return a.Status == status }) {
			batch.Status = status
			return batch
		}
	}
	if len(answers) > 0 {
		batch.Status = answers[0].Status
	}
	return batch
}

// AgentOutcome is what one agent gets of an event.
type AgentOutcome struct {
	Agent   string  `json:"agent"`
	Outcome Outcome `json:"outcome"`
	// Detail is why the outcome is Blocked, or what to look after otherwise.
	Detail string `json:"detail,omitempty"`
	// Destinations are the names of the agent's destinations.
	Destinations []string `json:"destinations,omitempty"`
}

// Problem is the body of an answer that is not 2xx: an RFC 9457 problem
// details object.
type Problem struct {
	// Type is a URI reference that stays the same for the same kind of
	// problem; a caller decides by it. Empty stands for "about:blank".
	Type string `json:"type,omitempty"`
	// Title is the kind of problem in a few words, the same each time.
	Title string `json:"title,omitempty"`
	// Status repeats the HTTP status code.
	Status int `json:"status,omitempty"`
	// Detail is this problem's cause and what to do about it.
	Detail string `json:"detail,omitempty"`
}
