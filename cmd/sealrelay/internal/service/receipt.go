package service

import (
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/internal/standing"
)

// appliedText says of an agent what its receipt does, a dash without a receipt.
func appliedText(agent string, v *standing.Applied) string {
	if v == nil {
		return "-"
	}
	text := fmt.Sprintf("agent %s applied version %d at %s, action %s", agent, v.Version, v.At.Format(time.RFC3339), v.Action)
	if v.Detail != "" {
		text += ": " + v.Detail
	}
	return text
}
