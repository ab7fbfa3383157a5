// Package local has the commands that work on what they are given and need
// nothing of the service: they seal, open, and look after keys.
package local

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

// AgentKey returns a key of an agent of the configuration in configFile; keyName
// may be empty if the agent has one key only.
type AgentKey func(configFile, agent, keyName string) (*agentkeys.Key, error)

// Vault is where in an Azure Key Vault a sealed copy is, and how to sign in.
type Vault struct {
	// Name is the vault's.
	Name string
	// Agent is whose copy it is, Secret which.
	Agent, Secret string
	// Prefix is what the names there begin with; empty means the agent's own.
	Prefix string
	// SignIn is cli, managed-identity, or a file with the settings of azure.
	SignIn string
}

// ReadVault reads a sealed copy and its statement from a vault.
type ReadVault func(ctx context.Context, from Vault) (envelope []byte, statement string, err error)

// Commands are the commands.
func Commands(agentKey AgentKey, readVault ReadVault) []cli.Command {
	return []cli.Command{
		{Name: "encrypt", New: func() *cobra.Command { return newEncrypt(agentKey) }},
		{Name: "decrypt", New: func() *cobra.Command { return newDecrypt(readVault) }},
		{Name: "js7", New: newJS7},
		{Name: "keys", New: newKeys},
		{Name: "formats", New: newFormats},
	}
}
