// Package kept opens the sealed copies that an agent keeps, whether or not the
// agent runs and the service is there.
package kept

import (
	"github.com/sealrelay/sealrelay/internal/agent"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/state"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Copies are the sealed copies of an agent. It is safe for concurrent use.
type Copies struct {
	Trust  *agent.Trust
	Folder *state.Folder
}

// Load opens the state folder of a configuration for reading.
func Load(c *config.Config) (*Copies, error) {
	trust, err := c.Trust()
	if err != nil {
		return nil, err
	}
	folder, err := state.Open(c.Path(c.StateDir))
	if err != nil {
		return nil, err
	}
	return &Copies{Trust: trust, Folder: folder}, nil
}

// Open opens the newest version of a secret, for the caller to wipe. Errors are
// those of state.Folder.Get and agent.Trust.Open.
func (c *Copies) Open(secret string) (*secretbytes.Value, error) {
	record, err := c.Folder.Get(secret)
	if err != nil {
		return nil, err
	}
	return c.Trust.Open(secret, record.Envelope, record.Statement)
}

// Close closes the folder.
func (c *Copies) Close() error { return c.Folder.Close() }
