// Package agentcmd has the commands of an agent's host.
package agentcmd

import (
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

// Commands are the commands.
func Commands() []cli.Command {
	return []cli.Command{{Name: "agent", New: newAgent}}
}

func newAgent() *cobra.Command {
	return cli.Parent("agent", "Work as an agent", newImport())
}
