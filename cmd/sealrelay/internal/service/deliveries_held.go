package service

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// holds are what is quarantined, is paused or keeps failing.
type holds []outbox.Hold

// holdView is what is shown of a hold.
type holdView struct {
	Why      string     `json:"why"`
	Since    *time.Time `json:"since"`
	By       string     `json:"by,omitempty"`
	Failures int        `json:"failures,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
}

// of are those that hold up a destination.
func (h holds) of(at outbox.Destination) holds {
	var found holds
	for _, hold := range h {
		if hold.Agent == at.Agent && (hold.Destination.Destination == "" || hold.Destination == at) {
			found = append(found, hold)
		}
	}
	return found
}

func (h holds) views(at outbox.Destination) []holdView {
	var views []holdView
	for _, hold := range h.of(at) {
		views = append(views, viewOfHold(hold))
	}
	return views
}

func viewOfHold(hold outbox.Hold) holdView {
	view := holdView{Why: hold.Why(), By: hold.By, Failures: hold.Faults, Reason: hold.Reason, Until: set(hold.Until)}
	for _, since := range []time.Time{hold.Quarantined, hold.Paused, hold.Broken} {
		if !since.IsZero() {
			view.Since = set(since)
		}
	}
	return view
}

func (v holdView) text() string {
	if v.By != "" {
		return fmt.Sprintf("%s since %s by %s", v.Why, timeText(v.Since), v.By)
	}
	return fmt.Sprintf("failing since %s, %d in a row, tried again at %s: %s", timeText(v.Since), v.Failures, timeText(v.Until), v.Reason)
}

// print lists the holds of what the filter selects, if there are any.
func (h holds) print(cmd *cobra.Command, filter outbox.Filter) error {
	var rows [][]string
	for _, hold := range h {
		if filter.Agent != "" && hold.Agent != filter.Agent ||
			filter.Destination != "" && hold.Destination.Destination != "" && hold.Destination.Destination != filter.Destination {
			continue
		}
		destination := hold.Destination.Destination
		if destination == "" {
			destination = "(all)"
		}
		rows = append(rows, []string{hold.Agent, destination, viewOfHold(hold).text()})
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout()); err != nil {
		return err
	}
	return cli.PrintTable(cmd, []string{"HELD AGENT", "DESTINATION", "WHY"}, rows)
}
