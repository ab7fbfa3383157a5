package service

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/standing"
)

func newAgents() *cobra.Command {
	return cli.Parent("agents", "Look at the agents and their keys, and keep them from what they should not get",
		newAgentsList(), newAgentsVerify(), newAgentsQuarantine(), newAgentsRelease(),
		newAgentsInvite(), newAgentsEnrolments(), newAgentsApprove(), newAgentsDeny(), newAgentsRekey(), newAgentsCSR())
}

func newAgentsList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the keys of agents and groups", Args: cli.Arguments(cobra.NoArgs)}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		views, err := keyViews(cmd.Context(), *path)
		if err != nil {
			return err
		}
		return printKeys(cmd, views, *asJSON)
	}
	return cmd
}

func newAgentsVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check every key against the policy",
		Long: `Check every key of agents and groups against the policy, as it would be when a
secret is sealed. Exits with 4 if one fails.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		views, err := keyViews(cmd.Context(), *path)
		if err != nil {
			return err
		}
		if err := printKeys(cmd, views, *asJSON); err != nil {
			return err
		}
		failing := 0
		for _, view := range views {
			if !view.Passes {
				failing++
			}
		}
		if failing > 0 {
			return cli.Attentionf("%d of %d keys fail the policy", failing, len(views))
		}
		return nil
	}
	return cmd
}

func keyViews(ctx context.Context, path string) ([]standing.Key, error) {
	cfg, err := loadEnrolled(ctx, path)
	if err != nil {
		return nil, err
	}
	registry, err := app.Registry(cfg)
	if err != nil {
		return nil, cli.WithCode(err, cli.ExitFailed) // Not that of the key it names.
	}
	return app.ShownKeys(registry, time.Now()), nil
}

func printKeys(cmd *cobra.Command, views []standing.Key, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(cmd, views)
	}
	var rows [][]string
	for _, view := range views {
		state, until := "ok", "-"
		if view.NotAfter != nil {
			until = cli.TimeText(*view.NotAfter)
		}
		switch {
		case !view.Passes:
			state = view.Problem
		case len(view.Warnings) > 0:
			state = "ok; " + view.Warnings[0]
		}
		rows = append(rows, []string{view.Owner, cli.Dash(view.Destination), view.Kind, cli.Dash(view.Format), until, view.Fingerprint, state})
	}
	return cli.PrintTable(cmd, []string{"OWNER", "DESTINATION", "KEY", "FORMAT", "VALID UNTIL", "FINGERPRINT", "POLICY"}, rows)
}
