// Package local has the commands that work on what they are given and need
// nothing of the service: they seal, open, and look after keys.
package local

import (
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

// AgentKey returns a key of an agent of the configuration in configFile; keyName
// may be empty if the agent has one key only.
type AgentKey func(configFile, agent, keyName string) (*agentkeys.Key, error)

// Commands are the commands.
func Commands(agentKey AgentKey) []cli.Command {
	return []cli.Command{
		{Name: "encrypt", New: func() *cobra.Command { return newEncrypt(agentKey) }},
		{Name: "decrypt", New: newDecrypt},
		{Name: "js7", New: newJS7},
		{Name: "keys", New: newKeys},
		{Name: "formats", New: newFormats},
	}
}
