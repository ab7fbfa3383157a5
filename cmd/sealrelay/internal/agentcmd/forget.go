package agentcmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/agent/state"
)

func newForget() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forget NAME",
		Short: "Remove the sealed copy of a secret, and what is known of its version",
		Long: `Remove the sealed copy of a secret, and with it what keeps older versions away. It
is for a service whose outbox was restored or replaced and that counts anew: the
next delivery is then taken, whatever its version is. The agent may run.`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	path := configFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		copies, err := load(*path)
		if err != nil {
			return err
		}
		defer func() { _ = copies.Close() }()
		if _, err := copies.Folder.Get(args[0]); errors.Is(err, state.ErrNone) {
			return fmt.Errorf("secret %q: %w", args[0], err)
		}
		return copies.Folder.Remove(args[0])
	}
	return cmd
}
