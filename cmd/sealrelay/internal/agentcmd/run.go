package agentcmd

import (
	"context"
	"io"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/daemon"
	"github.com/sealrelay/sealrelay/internal/logtail"
)

func newRun(azure daemon.Azure) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Receive pushes, fetch from the mailbox, keep the sealed copies, take actions",
		Long: `Receive pushes over mutual TLS, fetch what waits in the mailbox, read copies from
Azure Key Vaults, or all of them, and do jobs of the service that the configuration
allows, until SIGINT or SIGTERM. What comes is kept sealed in the state folder; no private key is
needed to be on any other machine, and none leaves this one.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := config.Load(*path)
		if err != nil {
			return err
		}
		level, err := zerolog.ParseLevel(c.Log.Level)
		if err != nil {
			return err
		}
		zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00"
		tail := logtail.New(logtail.Size)
		log := zerolog.New(io.MultiWriter(tail, cmd.ErrOrStderr())).Level(level).With().Timestamp().Logger()
		return asService(cmd.Context(), func(ctx context.Context) error {
			return daemon.Run(ctx, c, daemon.Options{Azure: azure, Logs: tail.Lines, Log: log})
		})
	}
	return cmd
}
