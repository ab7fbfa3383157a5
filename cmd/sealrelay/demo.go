package main

import (
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/demo"
)

func newDemo() *cobra.Command {
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
		return demo.Run(cmd.Context(), demo.Options{Keep: *keep, Out: cmd.OutOrStdout(), Version: buildVersion()})
	}
	return cmd
}
