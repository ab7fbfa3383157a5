package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// needView is what is shown of a secret that must be sent again.
type needView struct {
	standing.Need
	// Command makes its source send it again.
	Command []string `json:"command,omitempty"`
}

// listNeeds prints the secrets that must be sent again, with the commands that
// make their sources do so, and runs those if it is told to.
func listNeeds(cmd *cobra.Command, path string, filter outbox.SecretFilter, asJSON, run bool) error {
	needs, err := readNeeds(cmd, path, filter)
	if err != nil {
		return err
	}
	if asJSON {
		err = needsJSON(cmd, needs)
	} else {
		err = needsTable(cmd, needs)
	}
	switch {
	case err != nil || len(needs) == 0:
		return err
	case run:
		return runCommands(cmd, needs)
	}
	return cli.Attentionf("%d secrets must be sent again", len(needs))
}

func readNeeds(cmd *cobra.Command, path string, filter outbox.SecretFilter) ([]needView, error) {
	cfg, err := loadEnrolled(cmd.Context(), path)
	if err != nil {
		return nil, err
	}
	routing, err := app.Routing(cfg)
	if err != nil {
		return nil, cli.WithCode(err, cli.ExitFailed) // Not that of the key it names.
	}
	store, err := openOutbox(cmd, path)
	if err != nil {
		return nil, err
	}
	var needs []needView
	err = standing.Needs(cmd.Context(), store, filter, routing.Receivers, func(need standing.Need) {
		needs = append(needs, needView{need, repushCommand(cfg.Sources[need.Source].RepushCommand, need.Secret)})
	})
	return needs, errors.Join(err, store.Close())
}

func needsJSON(cmd *cobra.Command, needs []needView) error {
	encoder := json.NewEncoder(cmd.OutOrStdout())
	for _, need := range needs {
		if err := encoder.Encode(need); err != nil {
			return err
		}
	}
	return nil
}

func needsTable(cmd *cobra.Command, needs []needView) error {
	var rows [][]string
	for _, need := range needs {
		for _, lack := range need.For {
			rows = append(rows, []string{
				need.Secret, strconv.FormatInt(need.Version, 10), cli.TimeText(need.ReceivedAt), cli.Dash(need.Source),
				lack.Agent, lack.Destination.Destination, lack.Why,
			})
		}
	}
	if err := cli.PrintTable(cmd, []string{"SECRET", "VERSION", "RECEIVED", "SOURCE", "AGENT", "DESTINATION", "WHY"}, rows); err != nil {
		return err
	}
	commands := distinctCommands(needs)
	if len(commands) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout(), "\nTo have them sent again (--run does it):"); err != nil {
		return err
	}
	for _, command := range commands {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), "  "+shellText(command)); err != nil {
			return err
		}
	}
	return nil
}
