package service

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

func holdText(v standing.Hold) string {
	if v.By != "" {
		return fmt.Sprintf("%s since %s by %s", v.Why, timeText(v.Since), v.By)
	}
	return fmt.Sprintf("failing since %s, %d in a row, tried again at %s: %s", timeText(v.Since), v.Failures, timeText(v.Until), v.Reason)
}

// printHolds lists the holds of what the filter selects, if there are any.
func printHolds(cmd *cobra.Command, held standing.Holds, filter outbox.Filter) error {
	var rows [][]string
	for _, hold := range held {
		if filter.Agent != "" && hold.Agent != filter.Agent ||
			filter.Destination != "" && hold.Destination.Destination != "" && hold.Destination.Destination != filter.Destination {
			continue
		}
		destination := hold.Destination.Destination
		if destination == "" {
			destination = "(all)"
		}
		rows = append(rows, []string{hold.Agent, destination, holdText(standing.HoldOf(hold))})
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout()); err != nil {
		return err
	}
	return cli.PrintTable(cmd, []string{"HELD AGENT", "DESTINATION", "WHY"}, rows)
}
