package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/bundle"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func newDeliveriesExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write a bundle for an agent that no network reaches",
		Long: `Write one file, signed by the service, with all that the agent should have: the
wanted version of each secret for one of its destinations, delivered before or
not. ` + "`sealrelay agent import`" + ` applies it on the agent's host and writes a file of
receipts, which ` + "`sealrelay deliveries import`" + ` takes. The file holds ciphertext
only. Exits with 4 if a secret has nothing to deliver.`,
		Example: "  sealrelay deliveries export --agent plant-7 --out plant-7.bundle",
		Args:    cli.Arguments(cobra.NoArgs),
	}
	path, destination := cli.ConfigFlag(cmd), addDestination(cmd)
	out := cli.AddOutputFlags(cmd, "out", "bundle")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		at, err := destination()
		if err != nil {
			return err
		}
		if err := out.Check(nil); err != nil {
			return err
		}
		cfg, err := config.Load(*path)
		if err != nil {
			return err
		}
		if at.Destination, err = onlyDestination(cfg, at); err != nil {
			return err
		}
		deliveries, left, err := collect(cmd, *path, at)
		if err != nil {
			return err
		}
		service, err := app.Service(cfg)
		if err != nil {
			return err
		}
		data, err := bundle.Pack(service.Key, service.Issuer, at.Agent, at.Destination, time.Now(), deliveries)
		if err != nil {
			return err
		}
		if err := out.Write(cmd, data); err != nil {
			return err
		}
		return toldOf(cmd, at, len(deliveries), left)
	}
	return cmd
}

func collect(cmd *cobra.Command, path string, at outbox.Destination) ([]wire.Delivery, []string, error) {
	store, err := openOutbox(cmd, path)
	if err != nil {
		return nil, nil, err
	}
	var deliveries []wire.Delivery
	var left []string
	if err = refuseQuarantined(cmd.Context(), store, at.Agent); err == nil {
		deliveries, left, err = bundle.Collect(cmd.Context(), store, at)
	}
	return deliveries, left, errors.Join(err, store.Close())
}

func refuseQuarantined(ctx context.Context, store outbox.Outbox, agent string) error {
	quarantined, err := standing.Quarantined(ctx, store)
	if err == nil && quarantined[agent] {
		err = fmt.Errorf("%w and gets nothing; once it can be trusted again, run `sealrelay agents release %s`", agentkeys.ErrQuarantined, agent)
	}
	return err
}

// onlyDestination is the destination that is meant: one bundle is for one.
func onlyDestination(cfg *config.Config, at outbox.Destination) (string, error) {
	agent, ok := cfg.Agents[at.Agent]
	if !ok {
		return "", fmt.Errorf("the configuration has no agent %q; `sealrelay agents list` has those there are", at.Agent)
	}
	names := slices.Sorted(maps.Keys(agent.Destinations))
	switch {
	case at.Destination != "" && slices.Contains(names, at.Destination):
		return at.Destination, nil
	case at.Destination == "" && len(names) == 1:
		return names[0], nil
	}
	return "", cli.UsageErrorf("name one destination of agent %q with --destination: %q", at.Agent, names)
}

// toldOf says on standard error what is in the bundle, which may be on standard
// output.
func toldOf(cmd *cobra.Command, at outbox.Destination, count int, left []string) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: %d deliveries for %s: %s\n", count, at.Agent, at.Destination)
	if len(left) > 0 {
		return cli.Attentionf("%d secrets have nothing to deliver, %q the first of them; `sealrelay deliveries list --agent %s` says why", len(left), left[0], at.Agent)
	}
	return nil
}
