package service

import (
	"context"
	"io"
	"os"
	"os/signal"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/logtail"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

func newServe(version string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Receive hooks, seal, deliver",
		Long: `Receive hooks, seal the secrets, deliver the envelopes, until SIGINT or SIGTERM.
SIGHUP reads the configuration again and keeps the old one if the new is bad.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path := cli.ConfigFlag(cmd)
	insecure := cmd.Flags().Bool("insecure-loopback", false, "serve plain HTTP, on loopback only, for a proxy that terminates TLS")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(*path)
		if err != nil {
			return err
		}
		level, err := zerolog.ParseLevel(cfg.Log.Level)
		if err != nil {
			return err
		}
		zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00"
		tail := logtail.New(logtail.Size)
		log := zerolog.New(io.MultiWriter(tail, cmd.ErrOrStderr())).Level(level).With().Timestamp().Logger()
		sqlite.AddThread()
		service, err := app.New(cmd.Context(), cfg, app.Options{InsecureLoopback: *insecure, Version: version, Logs: tail.Lines, Log: log})
		if err != nil {
			return cli.WithCode(err, cli.ExitFailed) // Not that of a key that it names.
		}
		return serve(cmd.Context(), service, *path, log)
	}
	return cmd
}

// serve runs the service until ctx ends or it fails.
func serve(ctx context.Context, service *app.App, path string, log zerolog.Logger) error {
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, reloadSignals...)
	defer signal.Stop(reload)
	if err := service.Start(); err != nil {
		_ = service.Stop()
		return err
	}
	for {
		select {
		case <-ctx.Done():
			log.Info().Msg("stopping")
			return service.Stop()
		case err := <-service.Failed():
			log.Error().Err(err).Msg("the service cannot go on and must be started again")
			_ = service.Stop()
			return err
		case <-reload:
			cfg, err := config.Load(path)
			if err == nil {
				err = service.Reload(cfg)
			}
			if err != nil {
				log.Error().Err(err).Msg("the new configuration is bad, the old one is kept")
			}
		}
	}
}
