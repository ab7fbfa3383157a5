package cli

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"
)

// ConfigFlag adds --config, which names the configuration.
func ConfigFlag(cmd *cobra.Command) *string {
	path := cmp.Or(os.Getenv("SEALRELAY_CONFIG"), "sealrelay.yaml")
	return cmd.Flags().StringP("config", "c", path, "configuration `file` (environment: SEALRELAY_CONFIG)")
}
