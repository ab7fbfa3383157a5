// Package agentcmd has the commands of an agent's host. They need nothing of the service.
package agentcmd

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/daemon"
	"github.com/sealrelay/sealrelay/internal/agent/kept"
)

// Commands are the commands. azure is what an agent does in Azure.
func Commands(azure daemon.Azure) []cli.Command {
	return []cli.Command{{Name: "agent", New: func() *cobra.Command { return newAgent(azure) }}}
}

func newAgent(azure daemon.Azure) *cobra.Command {
	return cli.Parent("agent", "Receive sealed secrets on this machine, and hand them to programs",
		newRun(azure), newExec(), newGet(), newRender(), newStatus(), newForget(), newImport(), newEnroll(), newRekey())
}

// configFlag adds --config, which names the agent's configuration.
func configFlag(cmd *cobra.Command) *string {
	path := cmp.Or(os.Getenv("SEALRELAY_AGENT_CONFIG"), "agent.yaml")
	return cmd.Flags().StringP("config", "c", path, "the agent's configuration `file` (environment: SEALRELAY_AGENT_CONFIG)")
}

// load opens the sealed copies of the agent whose configuration it is.
func load(path string) (*kept.Copies, error) {
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	return kept.Load(c)
}
