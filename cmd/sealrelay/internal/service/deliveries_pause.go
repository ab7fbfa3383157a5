package service

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func newDeliveriesPause() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pause --agent A",
		Short: "Stop deliveries to an agent, or to one destination of it",
		Long: `Stop deliveries to an agent, or to one destination of it, until they are resumed.
A service that runs makes no further attempt; one that is under way ends by
itself. What comes meanwhile is accepted and stays pending, and the time after
which it is given up begins anew with the resumption.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, destinationOf := cli.ConfigFlag(cmd), addDestination(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		at, err := destinationOf()
		if err != nil {
			return err
		}
		if err := known(*path, at); err != nil {
			return err
		}
		return changePause(cmd, *path, at, audit.DeliveryPaused, func(store outbox.Outbox, entry audit.Entry) (string, error) {
			paused, err := store.Pause(cmd.Context(), at, entry)
			if !paused {
				return "was paused already", err
			}
			return "paused", err
		})
	}
	return cmd
}

func newDeliveriesResume() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resume --agent A",
		Short: "Resume deliveries that were paused",
		Long: `Resume deliveries that were paused. Without --destination all pauses of the agent
end, with it the one of that destination. A service that runs takes up what is
pending within five seconds.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, destinationOf := cli.ConfigFlag(cmd), addDestination(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		at, err := destinationOf()
		if err != nil {
			return err
		}
		return changePause(cmd, *path, at, audit.DeliveryResumed, func(store outbox.Outbox, entry audit.Entry) (string, error) {
			ended, err := store.Resume(cmd.Context(), at, entry)
			if err == nil && ended == 0 {
				err = errors.New("it is not paused by itself; `sealrelay deliveries list` has what is, and a whole agent is resumed without --destination")
			}
			return "resumed", err
		})
	}
	return cmd
}

// addDestination adds the flags that name an agent or one of its destinations.
func addDestination(cmd *cobra.Command) func() (outbox.Destination, error) {
	var at outbox.Destination
	cmd.Flags().StringVar(&at.Agent, "agent", "", "the `agent`")
	cmd.Flags().StringVar(&at.Destination, "destination", "", "only this `destination` of it")
	return func() (outbox.Destination, error) {
		if at.Agent == "" {
			return at, cli.UsageErrorf("say whose: --agent")
		}
		return at, nil
	}
}

// known refuses what the configuration does not have: a mistyped name would
// stop nothing.
func known(path string, at outbox.Destination) error {
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	return cfg.Known(at.Agent, at.Destination)
}

func changePause(cmd *cobra.Command, path string, at outbox.Destination, kind audit.Kind, change func(outbox.Outbox, audit.Entry) (string, error)) error {
	store, err := openOutbox(cmd, path)
	if err != nil {
		return err
	}
	done, err := change(store, audit.Entry{
		At: time.Now(), Kind: kind, Actor: operator(), Agents: []string{at.Agent}, Destination: at.Destination,
	})
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	what := "all deliveries to agent " + at.Agent
	if at.Destination != "" {
		what = fmt.Sprintf("deliveries to destination %s of agent %s", at.Destination, at.Agent)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", what, done)
	return err
}
