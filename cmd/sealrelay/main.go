// Command sealrelay takes a secret the moment a password manager changes it,
// seals it for each agent that needs it, and delivers the sealed copies.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	// Runs the commands that need nothing of the service, and exits, before the
	// rest of the program is initialised.
	_ "github.com/sealrelay/sealrelay/cmd/sealrelay/internal/early"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/local"
)

func main() { os.Exit(run()) }

func run() int { return cli.Main(newRoot(), unavailable) }

func newRoot() *cobra.Command {
	root := cli.NewRoot(
		newDemo(), newServe(), newPush(),
		newAgents(), newDeliveries(), newAudit(), newConfig(), newVersion(),
	)
	root.AddCommand(local.Commands(local.Service{AgentKey: agentKey})...)
	return root
}
