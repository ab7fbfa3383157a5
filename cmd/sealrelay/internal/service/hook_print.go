package service

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// dryRunView is what --dry-run shows of an event, as JSON.
type dryRunView struct {
	Secret    string          `json:"secret"`
	Operation hooks.Operation `json:"operation"`
	Value     string          `json:"value"`
	URL       string          `json:"url,omitempty"`
}

func (f *hookFlags) printDryRun(cmd *cobra.Command, events []hooks.Event) error {
	views := []dryRunView{}
	for _, event := range events {
		views = append(views, dryRunView{event.Secret, event.Operation, secretbytes.Redacted, f.url})
	}
	if *f.asJSON {
		return cli.PrintJSON(cmd, views)
	}
	out := cmd.OutOrStdout()
	for _, view := range views {
		fmt.Fprintf(out, "would send: %s %s to %s; to %s\n", view.Operation, view.Secret, view.Value, cli.Dash(view.URL))
	}
	if len(views) == 0 {
		fmt.Fprintln(out, "would send nothing")
	}
	return nil
}

// printAnswer tells what became of an event. An agent that is blocked is said
// on standard error, and is no failure to the product: the change was accepted,
// and the service raises the alarm.
func (f *hookFlags) printAnswer(cmd *cobra.Command, answer wire.Answer) error {
	for _, agent := range answer.Agents {
		if agent.Outcome == wire.Blocked {
			fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: warning: agent %s gets nothing of %s until its key is mended and the secret pushed again\n", agent.Agent, answer.Secret)
		}
	}
	switch {
	case f.product.Conversation:
		return nil
	case *f.asJSON:
		return cli.PrintJSON(cmd, answer)
	}
	return printAnswerText(cmd, answer)
}
