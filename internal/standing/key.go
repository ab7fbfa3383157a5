package standing

import (
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
)

// Key is what an operator is shown of the key of an agent or a group.
type Key struct {
	// Owner is "agent/NAME" or "group/NAME"; Destination is empty for a group.
	Owner       string     `json:"owner"`
	Destination string     `json:"destination,omitempty"`
	Kind        string     `json:"kind"`
	Format      string     `json:"format"`
	KeyID       string     `json:"key_id"`
	Fingerprint string     `json:"fingerprint"`
	NotAfter    *time.Time `json:"not_after,omitempty"`
	Passes      bool       `json:"passes"`
	Problem     string     `json:"problem,omitempty"`
	Warnings    []string   `json:"warnings,omitempty"`
}

// KeyOf is the key as it is shown; problem says why nothing is sealed to it, nil
// if it passes the policy.
func KeyOf(owner, destination string, key *agentkeys.Key, problem error) Key {
	shown := Key{
		Owner: owner, Destination: destination, Kind: key.Public.Kind(), Format: key.Format.Name, KeyID: key.ID,
		Fingerprint: key.Fingerprint(), NotAfter: Known(key.NotAfter()), Passes: problem == nil, Warnings: key.Warnings(),
	}
	if problem != nil {
		shown.Problem = problem.Error()
	}
	return shown
}
