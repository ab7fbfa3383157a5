package standing

import (
	"context"
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Exposed is a secret that an agent's key could open.
type Exposed struct {
	Secret string `json:"secret"`
	// Opens is the newest version that the key can open. Where the ones after it
	// were blocked, it may be an older one.
	Opens int64 `json:"opens"`
	// Version and ReplacedAt are the latest version and when it came; Deleted
	// says that it deleted the secret.
	Version    int64     `json:"version"`
	ReplacedAt time.Time `json:"replaced_at"`
	Deleted    bool      `json:"deleted,omitempty"`
	// Replaced says that the key cannot open the latest version.
	Replaced bool `json:"replaced"`
	// Shared names other agents that have it sealed for the same key.
	Shared []string `json:"shared,omitempty"`
}

// Exposure lists what the keys of an agent could open: every secret of which a
// version was sealed for it, and every secret that other agents get sealed for
// one of the keys that it has at its destinations. Secrets that were replaced
// meanwhile are among them.
func Exposure(ctx context.Context, store Store, agent string) ([]Exposed, error) {
	own := map[string]bool{}
	err := Each(ctx, store, outbox.SecretFilter{}, func(c *outbox.Copies) {
		for _, copied := range c.Copies {
			if copied.At.Agent == agent {
				own[copied.KeyID] = true
			}
		}
	})
	if err != nil {
		return nil, err
	}
	found := []Exposed{}
	err = Each(ctx, store, outbox.SecretFilter{}, func(c *outbox.Copies) {
		if exposed := exposedBy(c, agent, own); exposed.Opens > 0 {
			found = append(found, exposed)
		}
	})
	return found, err
}

func exposedBy(c *outbox.Copies, agent string, own map[string]bool) Exposed {
	exposed := Exposed{Secret: c.Secret, Version: c.Version, ReplacedAt: c.ReceivedAt, Deleted: c.Deleted}
	for i := range c.Copies {
		copied := &c.Copies[i]
		mine := copied.At.Agent == agent
		if !copied.Opens || !mine && !own[copied.KeyID] {
			continue
		}
		exposed.Opens = max(exposed.Opens, newestSealed(copied, c))
		if last := len(exposed.Shared) - 1; !mine && (last < 0 || exposed.Shared[last] != copied.At.Agent) {
			exposed.Shared = append(exposed.Shared, copied.At.Agent)
		}
	}
	exposed.Replaced = exposed.Version > exposed.Opens
	return exposed
}

// newestSealed is the newest version that the copy's key may open: a blocked one
// and one that deletes were not sealed.
func newestSealed(copied *outbox.Copy, c *outbox.Copies) int64 {
	if copied.State == outbox.Blocked || c.Deleted && copied.Version == c.Version {
		return copied.Version - 1
	}
	return copied.Version
}
