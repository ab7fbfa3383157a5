package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

func newDeliveriesVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Look whether what was delivered is still there",
		Long: `Look at the destinations whether what was delivered is still there, and list what
is missing, older than what was delivered, or changed by somebody else. Nothing is
written; ` + "`sealrelay deliveries retry --state delivered`" + ` delivers again. Only
destinations of kind azure-key-vault can be looked at.

Exits with 0 if all is there, with 4 if something is not, or could not be looked at.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	var filter outbox.Filter
	cmd.Flags().StringVar(&filter.Agent, "agent", "", "only this `agent`")
	cmd.Flags().StringVar(&filter.Destination, "destination", "", "only this `destination`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loadEnrolled(cmd.Context(), *path)
		if err != nil {
			return err
		}
		built, err := app.Build(cfg)
		if err != nil {
			return err
		}
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		seen := &verified{}
		err = seen.look(cmd, store, built, filter, *asJSON)
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		return seen.judge()
	}
	return cmd
}

// verified is what was found.
type verified struct {
	intact, wrong, unseen, elsewhere int
	rows                             [][]string
}

// look looks at all that the filter selects, and prints what it found until then if it
// is broken off.
func (v *verified) look(cmd *cobra.Command, store outbox.Outbox, built *app.Built, filter outbox.Filter, asJSON bool) error {
	var looked atomic.Int64
	shown := cli.NewProgress(cmd, "deliveries looked at", func() (done, total int) { return int(looked.Load()), 0 })
	encoder := json.NewEncoder(cmd.OutOrStdout())
	var err error
	v.elsewhere, err = standing.Verify(cmd.Context(), store, built.Destination, filter, func(one standing.Verification) error {
		looked.Add(1)
		v.count(one)
		if asJSON {
			return encoder.Encode(one)
		}
		return nil
	})
	shown.Close()
	if asJSON {
		return err
	}
	return errors.Join(err, v.print(cmd))
}

func (v *verified) count(one standing.Verification) {
	found, why := string(one.Found), one.Detail
	switch one.Found {
	case deliver.Intact:
		v.intact++
		return
	case "":
		v.unseen++
		found, why = "not seen", one.Problem
	default:
		v.wrong++
	}
	v.rows = append(v.rows, []string{one.Agent, one.Destination, one.Secret, strconv.FormatInt(one.DeliveredVersion, 10), found, why})
}

// print lists what is not as it was delivered, and says how many there are of all.
func (v *verified) print(cmd *cobra.Command) error {
	if len(v.rows) > 0 {
		if err := cli.PrintTable(cmd, []string{"AGENT", "DESTINATION", "SECRET", "DELIVERED", "FOUND", "WHY"}, v.rows); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d deliveries are there as they were delivered, %d are not, %d could not be looked at; %d are at destinations that nobody can look at\n",
		v.intact, v.wrong, v.unseen, v.elsewhere)
	return err
}

func (v *verified) judge() error {
	switch {
	case v.wrong > 0:
		return cli.Attentionf("%d deliveries are missing, older or changed", v.wrong)
	case v.unseen > 0:
		return cli.Attentionf("%d deliveries could not be looked at", v.unseen)
	}
	return nil
}
