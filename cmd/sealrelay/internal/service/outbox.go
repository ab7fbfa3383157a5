package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// openOutbox opens the outbox of the configuration, which must exist: an empty
// one made by a mistyped path would only mislead. A running service is not
// disturbed.
func openOutbox(cmd *cobra.Command, configPath string) (outbox.Outbox, error) {
	cfg, err := config.Load(configPath)
	if err != nil {
		return nil, err
	}
	return openStored(cmd, cfg)
}

// openStored is openOutbox for a configuration that was read.
func openStored(cmd *cobra.Command, cfg *config.Config) (*sqlite.Outbox, error) {
	path := app.OutboxPath(cfg)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open outbox: %w; `sealrelay serve` makes it", err)
	}
	return sqlite.Open(cmd.Context(), path, sqlite.Options{})
}

// loadEnrolled loads the configuration with the keys that agents have registered.
// Without an outbox no agent has.
func loadEnrolled(ctx context.Context, configPath string) (*config.Config, error) {
	cfg, err := config.Load(configPath)
	if err != nil || !cfg.Enrolls() {
		return cfg, err
	}
	if _, err := os.Stat(app.OutboxPath(cfg)); errors.Is(err, fs.ErrNotExist) {
		return cfg, nil
	}
	store, err := sqlite.Open(ctx, app.OutboxPath(cfg), sqlite.Options{})
	if err != nil {
		return nil, err
	}
	cfg, err = app.WithEnrolled(ctx, cfg, store)
	return cfg, errors.Join(err, store.Close())
}
