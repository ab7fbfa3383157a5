package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// stdio is what a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, std stdio) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	// Cobra has no type for an unknown command.
	if err != nil && exitCode(err) != exitUsage && strings.HasPrefix(err.Error(), "unknown command") {
		err = usageError{fmt.Errorf("%w; see `sealrelay --help`", err)}
	}
	if err != nil {
		fmt.Fprintf(std.err, "sealrelay: %v\n", err)
	}
	return exitCode(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "sealrelay",
		Short: "Seals changed secrets for the agents that need them, and delivers them",
		Long: `sealrelay takes a secret the moment a password manager changes it, seals it for
each agent that needs it with that agent's own public key, and delivers the
sealed copies. ` + "`sealrelay demo`" + ` shows the whole way.

` + exitCodeHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newDemo(), newServe(), newPush(), newEncrypt(), newDecrypt(), newKeys(),
		newAgents(), newDeliveries(), newAudit(), newConfig(), newVersion(),
	)
	return root
}

// arguments makes a wrong number of arguments a usage error.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
		}
		return nil
	}
}

// parent makes a command that only has others below it.
func parent(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Usage()
			return usageErrorf("%s needs a subcommand", cmd.CommandPath())
		},
	}
	cmd.AddCommand(children...)
	return cmd
}
