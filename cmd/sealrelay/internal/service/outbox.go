package service

import (
	"fmt"
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
	path := app.OutboxPath(cfg)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open outbox: %w; `sealrelay serve` makes it", err)
	}
	return sqlite.Open(cmd.Context(), path, sqlite.Options{})
}
