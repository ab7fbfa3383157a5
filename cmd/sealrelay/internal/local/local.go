// Package local has the commands that work on what they are given and need
// nothing of the service: they seal, open, and look after keys. It imports
// nothing of the service either, so that they start at once.
package local

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

// Service is what a command may want of the service. A nil member makes the
// commands that want it return cli.ErrLater before they have done anything.
type Service struct {
	// AgentKey returns a key of an agent; the name may be empty if the agent
	// has one key only.
	AgentKey func(configFile, agent, keyName string) (*agentkeys.Key, error)
}

// Commands are the commands.
func Commands(service Service) []*cobra.Command {
	return []*cobra.Command{newEncrypt(service), newDecrypt(), newKeys(), newFormats()}
}

// Names are the names of Commands.
var Names = []string{"encrypt", "decrypt", "keys", "formats", "js7"}

// Root is the command line with no other commands than these.
func Root(service Service) *cobra.Command {
	if linked := js7Link(os.Args[0]); linked != nil {
		return linked
	}
	return cli.NewRoot(Commands(service)...)
}

// IsLink says whether the program was called by a name that stands for one of
// its commands.
func IsLink(name string) bool { return js7Link(name) != nil }
