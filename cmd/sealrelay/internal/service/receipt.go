package service

import (
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// appliedView is what the agent's receipt says of the version that is there.
type appliedView struct {
	Version int64          `json:"version"`
	At      time.Time      `json:"at"`
	Action  receipt.Action `json:"action"`
	// Detail is why the action failed.
	Detail string `json:"detail,omitempty"`
}

// appliedOf is nil without a receipt. It was verified before it was stored.
func appliedOf(d outbox.Delivery) *appliedView {
	claims, err := receipt.Parse(d.Receipt)
	if err != nil {
		return nil
	}
	return &appliedView{claims.Version, claims.AppliedAt, claims.Action, claims.Detail}
}

// text is the same as a sentence of an agent, a dash without a receipt.
func (v *appliedView) text(agent string) string {
	if v == nil {
		return "-"
	}
	text := fmt.Sprintf("agent %s applied version %d at %s, action %s", agent, v.Version, v.At.Format(time.RFC3339), v.Action)
	if v.Detail != "" {
		text += ": " + v.Detail
	}
	return text
}
