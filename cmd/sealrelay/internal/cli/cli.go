// Package cli is what the commands share: how they fail, what they read and
// write, how they print. It knows of no command and of nothing in the service.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/internal/harden"
)

// Main runs the command line of this process under root and returns the exit
// code. Core dumps are off from then on: almost every command sees a value.
// The command's context ends at an interrupt. unavailable says of an error that
// the same command may succeed later.
func Main(root *cobra.Command, unavailable func(error) bool) int {
	if err := harden.NoCoreDumps(); err != nil {
		fmt.Fprintf(os.Stderr, "sealrelay: warning: %v\n", err)
	}
	err := Run(newInterruptible(), root, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	// A command with exit codes of its own keeps them.
	var coded codedError
	if err != nil && !errors.As(err, &coded) && unavailable(err) {
		return ExitUnavailable
	}
	return ExitCode(err)
}

// Run runs one command line and returns its error, which it also prints.
func Run(ctx context.Context, root *cobra.Command, args []string, in io.Reader, out, stderr io.Writer) error {
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && isCobraUsage(err) {
		err = usageError{fmt.Errorf("%w; see `%s --help`", err, root.CommandPath())}
	}
	switch {
	case err == nil, errors.Is(err, ErrSilent):
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "sealrelay: interrupted")
	default:
		fmt.Fprintf(stderr, "sealrelay: %v\n", err)
	}
	return err
}

// isCobraUsage says whether err is one of those about the command line for which
// cobra has no type: an unknown command, a flag that is missing, flags that do not go
// together.
func isCobraUsage(err error) bool {
	return slices.ContainsFunc([]string{"unknown command ", "required flag(s) ", "if any flags in the group "}, func(begin string) bool {
		return strings.HasPrefix(err.Error(), begin)
	})
}

// NewRoot makes the command above all others.
func NewRoot(children ...*cobra.Command) *cobra.Command {
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
	root.AddCommand(children...)
	return root
}

// Arguments makes a wrong number of arguments a usage error.
func Arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
		}
		return nil
	}
}

// Parent makes a command that only has others below it.
func Parent(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		Args: Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Usage()
			return UsageErrorf("%s needs a subcommand", cmd.CommandPath())
		},
	}
	cmd.AddCommand(children...)
	return cmd
}
