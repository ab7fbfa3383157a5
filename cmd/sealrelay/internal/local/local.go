// Package local has the commands that work on what they are given and need
// nothing of the service: they seal, open, and look after keys.
package local

import (
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys"
)

// AgentKey returns a key of an agent of the configuration in configFile; keyName
// may be empty if the agent has one key only.
type AgentKey func(configFile, agent, keyName string) (*agentkeys.Key, error)

// Commands are the commands.
func Commands(agentKey AgentKey) []*cobra.Command {
	return []*cobra.Command{newEncrypt(agentKey), newDecrypt(), newJS7(), newKeys(), newFormats()}
}
