package service

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

func newAgentsQuarantine() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine AGENT",
		Short: "Give an agent nothing any more, and list what its key could open",
		Long: `Put an agent in quarantine: from now on nothing is delivered to it, and within five
seconds a service that runs seals nothing more for it. A new version is recorded as
blocked for it; the other agents get theirs. An attempt that is under way ends by
itself.

Then list which secrets the agent's key could open, and which of them were replaced
since, so that the others can be changed in the password manager. For an agent that
is in quarantine already this is all it does.`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := known(*path, outbox.Destination{Agent: args[0]}); err != nil {
			return err
		}
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		begun, err := store.Quarantine(cmd.Context(), args[0], agentEntry(audit.AgentQuarantined, args[0]))
		var exposed []standing.Exposed
		if err == nil {
			exposed, err = standing.Exposure(cmd.Context(), store, args[0])
		}
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		if *asJSON {
			return cli.PrintJSON(cmd, map[string]any{"agent": args[0], "begun": begun, "secrets": exposed})
		}
		return printExposed(cmd, args[0], begun, exposed)
	}
	return cmd
}

// agentEntry tells of what an operator did about an agent.
func agentEntry(kind audit.Kind, agent string) audit.Entry {
	return audit.Entry{At: time.Now(), Kind: kind, Actor: operator(), Agents: []string{agent}}
}

func printExposed(cmd *cobra.Command, agent string, begun bool, exposed []standing.Exposed) error {
	state, open := "is in quarantine", 0
	if !begun {
		state = "was in quarantine already"
	}
	var rows [][]string
	for _, e := range exposed {
		now := "replaced"
		switch {
		case !e.Replaced:
			now = "CAN OPEN THE LATEST"
			open++
		case e.Deleted:
			now = "deleted"
		}
		rows = append(rows, []string{
			e.Secret, strconv.FormatInt(e.Opens, 10), strconv.FormatInt(e.Version, 10), cli.TimeText(e.ReplacedAt),
			now, cli.Dash(strings.Join(e.Shared, ", ")),
		})
	}
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "agent %s %s; its key could open %d secrets, and the latest version of %d\n", agent, state, len(exposed), open); err != nil {
		return err
	}
	if len(rows) == 0 {
		return nil
	}
	return cli.PrintTable(cmd, []string{"SECRET", "OPENS UP TO", "LATEST", "LAST REPLACED", "NOW", "KEY SHARED WITH"}, rows)
}

func newAgentsRelease() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "release AGENT",
		Short: "End the quarantine of an agent",
		Long: `End the quarantine of an agent. What was sealed for it before goes on within five
seconds, unless a newer version has come. That one was not sealed for the agent: have
it pushed again.`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	path := cli.ConfigFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		ended, err := store.Release(cmd.Context(), args[0], agentEntry(audit.AgentReleased, args[0]))
		if err == nil && !ended {
			err = errors.New("the agent is not in quarantine; `sealrelay deliveries list` names those that are")
		}
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "agent %s: released\n", args[0])
		return err
	}
	return cmd
}
