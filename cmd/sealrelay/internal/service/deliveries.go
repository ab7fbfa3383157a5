package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

func newDeliveries() *cobra.Command {
	return cli.Parent("deliveries", "Look at what reached whom, and try again", newDeliveriesList(), newDeliveriesShow(), newDeliveriesVerify(), newDeliveriesRetry(),
		newDeliveriesPause(), newDeliveriesResume(), newDeliveriesExport(), newDeliveriesImport())
}

// addFilter adds the flags that select deliveries.
func addFilter(cmd *cobra.Command) func() (outbox.Filter, error) {
	var filter outbox.Filter
	var states []string
	cmd.Flags().StringVar(&filter.Agent, "agent", "", "only this `agent`")
	cmd.Flags().StringVar(&filter.Destination, "destination", "", "only this `destination`")
	cmd.Flags().StringVar(&filter.Secret, "secret", "", "only the secret of this `name`")
	cmd.Flags().StringSliceVar(&states, "state", nil, "only these `states`: pending, waiting, delivered, dead, blocked")
	return func() (outbox.Filter, error) {
		for _, state := range states {
			if !slices.Contains(outbox.States, outbox.State(state)) {
				return filter, cli.UsageErrorf("--state %q is none of pending, waiting, delivered, dead, blocked", state)
			}
			filter.States = append(filter.States, outbox.State(state))
		}
		return filter, nil
	}
}

func newDeliveriesList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List deliveries",
		Long: `List deliveries: which version of a secret is wanted at an agent, which is
there, and why not. Below them is what is paused or keeps failing.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, asJSON, filterOf := cli.ConfigFlag(cmd), cli.JSONFlag(cmd), addFilter(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		filter, err := filterOf()
		if err != nil {
			return err
		}
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		return errors.Join(listDeliveries(cmd, store, filter, *asJSON), store.Close())
	}
	return cmd
}

func listDeliveries(cmd *cobra.Command, store outbox.Outbox, filter outbox.Filter, asJSON bool) error {
	all, err := store.Holds(cmd.Context())
	if err != nil {
		return err
	}
	held := standing.Holds(all)
	if asJSON {
		return listJSON(cmd, store, filter, held)
	}
	if err := listTable(cmd, store, filter, held); err != nil {
		return err
	}
	return printHolds(cmd, held, filter)
}

// eachDelivery pages through all that the filter selects.
func eachDelivery(cmd *cobra.Command, store outbox.Outbox, filter outbox.Filter, visit func(outbox.Delivery) error) error {
	for {
		page, err := store.List(cmd.Context(), filter)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, delivery := range page {
			if err := visit(delivery); err != nil {
				return err
			}
		}
		filter.After = &page[len(page)-1].Key
	}
}

// listJSON prints a line per delivery, so that a listing of any length can be
// read as it comes.
func listJSON(cmd *cobra.Command, store outbox.Outbox, filter outbox.Filter, held standing.Holds) error {
	encoder := json.NewEncoder(cmd.OutOrStdout())
	return eachDelivery(cmd, store, filter, func(d outbox.Delivery) error { return encoder.Encode(standing.DeliveryOf(d, held)) })
}

func listTable(cmd *cobra.Command, store outbox.Outbox, filter outbox.Filter, held standing.Holds) error {
	var rows [][]string
	err := eachDelivery(cmd, store, filter, func(d outbox.Delivery) error {
		state, next := string(d.State), "-"
		if d.State == outbox.Pending {
			next = cli.TimeText(d.Next)
			for _, hold := range held.Of(d.At()) {
				state += "," + hold.Why()
			}
		}
		rows = append(rows, []string{
			d.Agent, d.Destination, d.Secret, state, strconv.FormatInt(d.Version, 10),
			strconv.FormatInt(d.DeliveredVersion, 10), strconv.Itoa(d.Attempts), next, cli.Dash(d.Reason),
		})
		return nil
	})
	if err != nil {
		return err
	}
	return cli.PrintTable(cmd, []string{"AGENT", "DESTINATION", "SECRET", "STATE", "WANTED", "THERE", "FAILED", "NEXT", "REASON"}, rows)
}

// timeText is a time as people read it; a dash for none.
func timeText(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return cli.TimeText(*at)
}

func newDeliveriesShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show AGENT DESTINATION SECRET",
		Short: "Show one delivery with its latest attempts, its envelope, statement and receipt",
		Args:  cli.Arguments(cobra.ExactArgs(3)),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		shown, err := readDelivery(cmd, store, outbox.Key{Agent: args[0], Destination: args[1], Secret: args[2]})
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		if *asJSON {
			return cli.PrintJSON(cmd, shown)
		}
		return showDelivery(cmd, shown)
	}
	return cmd
}

func readDelivery(cmd *cobra.Command, store outbox.Outbox, key outbox.Key) (standing.Delivery, error) {
	shown, err := standing.ReadDelivery(cmd.Context(), store, key)
	if errors.Is(err, outbox.ErrNotFound) {
		err = fmt.Errorf("%w; `sealrelay deliveries list` has those there are", err)
	}
	return shown, err
}

func showDelivery(cmd *cobra.Command, d standing.Delivery) error {
	envelope := fmt.Sprintf("%d bytes", len(d.Envelope))
	if len(d.Envelope) > 0 && cli.Printable(d.Envelope) {
		envelope = string(d.Envelope)
	}
	rows := [][]string{
		{"destination", d.Destination}, {"secret", d.Secret}, {"state", string(d.State)}, {"operation", d.Operation},
		{"wanted version", strconv.FormatInt(d.Version, 10)},
		{"version there", strconv.FormatInt(d.DeliveredVersion, 10)},
		{"format", cli.Dash(d.Format)}, {"key", cli.Dash(d.KeyID)},
		{"source", d.Source}, {"event", d.EventID}, {"accepted", timeText(d.AcceptedAt)},
		{"delivered", timeText(d.DeliveredAt)}, {"receipt", appliedText(d.Agent, d.Applied)},
		{"failed attempts", strconv.Itoa(d.Attempts)},
		{"reason", cli.Dash(d.Reason)}, {"envelope", envelope}, {"statement", cli.Dash(d.Statement)},
	}
	for _, hold := range d.Held {
		rows = append(rows, []string{"held", holdText(hold)})
	}
	for _, attempt := range d.LastAttempts {
		rows = append(rows, []string{"attempt", fmt.Sprintf("%s  version %d  %s  %s", cli.TimeText(attempt.At), attempt.Version, attempt.State, attempt.Reason)})
	}
	return cli.PrintTable(cmd, []string{"agent", d.Agent}, rows)
}

func newDeliveriesRetry() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry",
		Short: "Try deliveries again now",
		Long: `Make the selected deliveries due now, with no failed attempts counted: dead and
pending ones, unless --state says otherwise (delivered ones are delivered once
more). A service that runs takes them up within five seconds; of a destination
that keeps failing it tries one, of a paused one none. Blocked ones have nothing
to deliver: mend the agent's key and push the secret again.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, asJSON, filterOf := cli.ConfigFlag(cmd), cli.JSONFlag(cmd), addFilter(cmd)
	all := cmd.Flags().Bool("all", false, "all agents and secrets")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		filter, err := filterOf()
		if err != nil {
			return err
		}
		if !*all && filter.Agent == "" && filter.Destination == "" && filter.Secret == "" {
			return cli.UsageErrorf("say which: --agent, --destination, --secret or --all")
		}
		if len(filter.States) == 0 {
			filter.States = []outbox.State{outbox.Dead, outbox.Pending}
		}
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		n, err := store.Retry(cmd.Context(), filter, standing.RetryEntry(operator(), time.Now(), filter))
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		if *asJSON {
			return cli.PrintJSON(cmd, map[string]int{"retried": n})
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d deliveries are due now\n", n)
		return err
	}
	return cmd
}

// operator is the audit log's name for whoever runs the command.
func operator() string {
	if who, err := user.Current(); err == nil {
		return "operator/" + who.Username
	}
	return "operator"
}
