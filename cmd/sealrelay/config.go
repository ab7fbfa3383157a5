package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
)

func newConfig() *cobra.Command {
	return parent("config", "Look at the configuration", newConfigCheck())
}

func newConfigCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong with the configuration",
		Long: `Read the configuration and every file that it names, and say everything that is
wrong at once. Exits with 1 if the service could not start with it, with 4 if it
could but a key fails the policy.`,
		Args: arguments(cobra.NoArgs),
	}
	path, asJSON := configFlag(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(*path)
		if err != nil {
			return err
		}
		built, err := app.Check(cfg)
		if err != nil {
			return err
		}
		failing := 0
		for _, report := range app.Keys(built.Rules.Registry(), time.Now()) {
			if report.Err != nil {
				failing++
				fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: %s: %v\n", report.Owner, report.Err)
			}
		}
		if *asJSON {
			err = printJSON(cmd, map[string]any{"ok": failing == 0, "keys_failing": failing})
		} else if failing == 0 {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %d sources, %d agents, %d groups, %d routes\n",
				*path, len(cfg.Sources), len(cfg.Agents), len(cfg.Groups), len(cfg.Routes))
		}
		if err == nil && failing > 0 {
			return errAttention{fmt.Sprintf("%d keys fail the policy; their agents get nothing until they are mended", failing)}
		}
		return err
	}
	return cmd
}
