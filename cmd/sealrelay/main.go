// Command sealrelay takes a secret the moment a password manager changes it,
// seals it for each agent that needs it, and delivers the sealed copies.
package main

import (
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/agentcmd"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/local"
)

func main() { os.Exit(run()) }

func run() int {
	if linked := local.Linked(os.Args[0]); linked != nil {
		return cli.Main(linked, unavailable)
	}
	return cli.Main(newRoot(os.Args[1:]), unavailable)
}

// newRoot makes the commands that the command line needs.
func newRoot(args []string) *cobra.Command {
	commands := slices.Concat(serviceCommands(), agentcmd.Commands(agentAzure), local.Commands(agentKey, readVault), []cli.Command{{Name: "version", New: newVersion}})
	return cli.NewRoot(cli.Chosen(commands, args)...)
}
