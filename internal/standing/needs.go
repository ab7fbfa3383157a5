package standing

import (
	"context"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Need is a secret that must be sent again.
type Need struct {
	Secret     string    `json:"secret"`
	Version    int64     `json:"version"`
	ReceivedAt time.Time `json:"received_at"`
	// Source is who sent the newest version that anybody has a copy of; empty if
	// nobody has any.
	Source string `json:"source,omitempty"`
	// For are those who need it, by agent and destination.
	For []Lack `json:"for"`
}

// Lack is why one destination needs a secret to be sent again.
type Lack struct {
	outbox.Destination
	Why string `json:"why"`
}

// Routes says who gets a secret of a source; of any source that may send it if
// there is none of that name.
type Routes func(source, secret string) []agentkeys.Target

// Needs calls visit for each secret that must be sent again, in the order of
// their names: a route leads to a destination that has no copy of the latest
// version, whose copy is blocked, or is sealed for another key or in another
// format than it would be now. Deleted secrets and agents in quarantine need
// nothing. What is dead was sealed, and needs a retry.
func Needs(ctx context.Context, store QuarantineStore, filter outbox.SecretFilter, routes Routes, visit func(Need)) error {
	quarantined, err := Quarantined(ctx, store)
	if err != nil {
		return err
	}
	return Each(ctx, store, filter, func(c *outbox.Copies) {
		if need := needOf(c, quarantined, routes); len(need.For) > 0 {
			visit(need)
		}
	})
}

func needOf(c *outbox.Copies, quarantined map[string]bool, routes Routes) Need {
	need := Need{Secret: c.Secret, Version: c.Version, ReceivedAt: c.ReceivedAt, Source: Source(c)}
	if c.Deleted {
		return need
	}
	at := map[outbox.Destination]*outbox.Copy{}
	for i := range c.Copies {
		at[c.Copies[i].At] = &c.Copies[i]
	}
	for _, target := range routes(need.Source, c.Secret) {
		destination := outbox.Destination{Agent: target.Agent, Destination: target.Destination}
		if quarantined[target.Agent] {
			continue
		}
		if why := lacks(at[destination], c.Version, target.Key); why != "" {
			need.For = append(need.For, Lack{destination, why})
		}
	}
	return need
}

// Source is who sent the newest version that there is a copy of; empty if there
// is none.
func Source(c *outbox.Copies) string {
	var newest outbox.Copy
	for _, copied := range c.Copies {
		if copied.Version > newest.Version {
			newest = copied
		}
	}
	return newest.Source
}

// lacks says what is wrong with the copy; it is empty if nothing is.
func lacks(copied *outbox.Copy, latest int64, key *agentkeys.Key) string {
	switch {
	case copied == nil:
		return "has no copy"
	case copied.Version < latest:
		return fmt.Sprintf("has no copy of version %d, only of %d", latest, copied.Version)
	case copied.State == outbox.Blocked:
		return "blocked: " + copied.Reason
	case copied.KeyID != key.ID:
		return "is sealed for another key than the agent has now"
	case copied.Format != key.Format.Name:
		return "is sealed in another format than the agent wants now"
	}
	return ""
}
