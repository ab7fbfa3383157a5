package outbox

import (
	"crypto/ed25519"
	"errors"
	"time"
)

// ErrNotInvited says that there is no such invitation any more, or that the key
// that vouches is not the agent's present one.
var ErrNotInvited = errors.New("there is no such invitation, it was used or has expired, or the agent's key was changed meanwhile")

// EnrolmentState is what became of keys that an agent asked for.
type EnrolmentState string

// The states.
const (
	// Requested: an operator decides.
	Requested EnrolmentState = "pending"
	// Approved: the agent's present keys. There is one of an agent at most.
	Approved EnrolmentState = "approved"
	// Denied by an operator or a rule.
	Denied EnrolmentState = "denied"
	// Replaced: later keys were asked for, or approved, in place of these.
	Replaced EnrolmentState = "replaced"
)

// Enrolment is a pair of keys that an agent asked for.
type Enrolment struct {
	Agent string
	State EnrolmentState
	// Public is the key to seal to, in text, or the certificate that it was
	// approved with, KeyID its ID; CSR is the agent's request for a certificate,
	// PEM, empty if there was none; Signing is the Ed25519
	// public key of the agent's requests and receipts.
	Public  string
	KeyID   string
	CSR     string
	Signing []byte
	// Invitation is the keyed digest of the invitation; nil if Endorser, the
	// agent's signing key at that time, vouched for the request.
	Invitation  []byte
	Endorser    []byte
	RequestedAt time.Time
	// DecidedAt and DecidedBy are zero while it is Requested.
	DecidedAt time.Time
	DecidedBy string
	// AskedAt is when an operator asked the agent for other keys; zero if none
	// did since these are in use.
	AskedAt time.Time
}

// Invitation lets an agent ask for its keys once.
type Invitation struct {
	Agent string
	// Digest is keyed.
	Digest    []byte
	ExpiresAt time.Time
}

// VerifyingKey is Signing as what it is.
func (e Enrolment) VerifyingKey() ed25519.PublicKey { return ed25519.PublicKey(e.Signing) }
