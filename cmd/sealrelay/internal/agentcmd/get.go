package agentcmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

func newGet() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Print a secret",
		Long: `Open the newest version of a secret that the agent has, and print it as it was
sealed: no newline is added. What is binary is not printed to a terminal.`,
		Example: "  sealrelay agent get prod/db/orders | some-program",
		Args:    cli.Arguments(cobra.ExactArgs(1)),
	}
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		copies, err := load(*path)
		if err != nil {
			return err
		}
		defer func() { _ = copies.Close() }()
		value, err := copies.Open(args[0])
		if err != nil {
			return fmt.Errorf("secret %q: %w", args[0], err)
		}
		defer value.Wipe()
		return value.Expose(func(plaintext []byte) error { return (&cli.Output{}).Write(cmd, plaintext) })
	}
	return cmd
}
