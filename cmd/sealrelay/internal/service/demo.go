package service

import (
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/demo"
)

func newDemo(version string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole way, from a hook to the opened secret",
		Long: `Show the whole way in a temporary folder, with the real service on loopback:
three agents with keys of their own, a signed hook, sealed deliveries, a rotation,
a replay and a forgery. Exits with 1 if any step does not hold.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	keep := cmd.Flags().String("keep", "", "leave a working configuration in this `folder`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		// A reader that goes away (`| head`) or a terminal that is closed would
		// end the process, and leave the folder with its keys behind.
		signal.Ignore(syscall.SIGPIPE)
		ctx, stop := signal.NotifyContext(cmd.Context(), reloadSignals...)
		defer stop()
		return demo.Run(ctx, demo.Options{Keep: *keep, Out: cmd.OutOrStdout(), Version: version})
	}
	return cmd
}
