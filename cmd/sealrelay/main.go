// Command sealrelay takes a secret the moment a password manager changes it,
// seals it for each agent that needs it, and delivers the sealed copies.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/local"
)

func main() { os.Exit(run()) }

func run() int {
	if linked := local.Linked(os.Args[0]); linked != nil {
		return cli.Main(linked, unavailable)
	}
	return cli.Main(newRoot(), unavailable)
}

func newRoot() *cobra.Command {
	root := cli.NewRoot(
		newDemo(), newServe(), newPush(),
		newAgents(), newDeliveries(), newAudit(), newConfig(), newVersion(),
	)
	root.AddCommand(local.Commands(agentKey)...)
	return root
}
