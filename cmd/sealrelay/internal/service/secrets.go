package service

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// secretView is what is shown of a secret. There is no value to show: the
// service keeps none.
type secretView struct {
	Secret     string       `json:"secret"`
	Version    int64        `json:"version"`
	Deleted    bool         `json:"deleted,omitempty"`
	OccurredAt *time.Time   `json:"occurred_at,omitempty"`
	ReceivedAt *time.Time   `json:"received_at,omitempty"`
	Awaited    *awaitedView `json:"awaited,omitempty"`
}

type awaitedView struct {
	Source    string    `json:"source"`
	EventID   string    `json:"event_id"`
	ChangedAt time.Time `json:"changed_at"`
	Due       time.Time `json:"due"`
	Overdue   bool      `json:"overdue"`
}

func secretViewOf(secret outbox.Secret, now time.Time) secretView {
	view := secretView{
		Secret: secret.Name, Version: secret.Version, Deleted: secret.Deleted,
		OccurredAt: standing.Known(secret.OccurredAt), ReceivedAt: standing.Known(secret.ReceivedAt),
	}
	if a := secret.Awaited; a != nil {
		view.Awaited = &awaitedView{a.Source, a.EventID, a.ChangedAt, a.Due, !now.Before(a.Due)}
	}
	return view
}

func newSecrets() *cobra.Command {
	return cli.Parent("secrets", "Look at which secrets are known, and whose value is awaited", newSecretsList())
}

func newSecretsList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List secrets",
		Long: `List secrets: the latest version of each, and those of which a source said that
they changed while the value has not come yet. With --awaited it exits with 4 if
one of those is overdue.

With --needs-push, list the secrets that must be sent again instead, because an agent
has no copy of the latest version though a route leads to it, is blocked, or has
another key now than the one it was sealed for; those for agents in quarantine are
left out. Exits with 4 if there are any. The service cannot open what it holds. Where
the source has a repush_command, it is shown, and --run runs it.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	var filter outbox.SecretFilter
	cmd.Flags().BoolVar(&filter.Awaited, "awaited", false, "only those whose value is awaited")
	cmd.Flags().StringVar(&filter.Name, "secret", "", "only the secret of this `name`")
	needsPush := cmd.Flags().Bool("needs-push", false, "those that must be sent again")
	run := cmd.Flags().Bool("run", false, "with --needs-push, run the commands that make sources send them again")
	cmd.MarkFlagsMutuallyExclusive("needs-push", "awaited")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case *needsPush:
			return listNeeds(cmd, *path, filter, *asJSON, *run)
		case *run:
			return cli.UsageErrorf("--run goes with --needs-push")
		}
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		list := secretsTable
		if *asJSON {
			list = secretsJSON
		}
		overdue, err := list(cmd, store, filter)
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		if filter.Awaited && overdue > 0 {
			return cli.Attentionf("%d values are overdue; look after the hook or script that should have pushed them", overdue)
		}
		return nil
	}
	return cmd
}

// eachSecret pages through all that the filter selects, and returns how many
// values are overdue.
func eachSecret(cmd *cobra.Command, store outbox.Outbox, filter outbox.SecretFilter, visit func(secretView) error) (overdue int, err error) {
	now := time.Now()
	for {
		page, err := store.Secrets(cmd.Context(), filter)
		if err != nil || len(page) == 0 {
			return overdue, err
		}
		for _, secret := range page {
			view := secretViewOf(secret, now)
			if view.Awaited != nil && view.Awaited.Overdue {
				overdue++
			}
			if err := visit(view); err != nil {
				return overdue, err
			}
		}
		filter.After = page[len(page)-1].Name
	}
}

// secretsJSON prints a line per secret, so that a listing of any length can be
// read as it comes.
func secretsJSON(cmd *cobra.Command, store outbox.Outbox, filter outbox.SecretFilter) (int, error) {
	encoder := json.NewEncoder(cmd.OutOrStdout())
	return eachSecret(cmd, store, filter, func(view secretView) error { return encoder.Encode(view) })
}

func secretsTable(cmd *cobra.Command, store outbox.Outbox, filter outbox.SecretFilter) (int, error) {
	var rows [][]string
	overdue, err := eachSecret(cmd, store, filter, func(view secretView) error {
		rows = append(rows, view.row())
		return nil
	})
	if err != nil {
		return overdue, err
	}
	return overdue, cli.PrintTable(cmd, []string{"SECRET", "VERSION", "RECEIVED", "STATE", "CHANGED", "DUE", "SOURCE"}, rows)
}

func (v secretView) row() []string {
	received := "-"
	if v.ReceivedAt != nil {
		received = cli.TimeText(*v.ReceivedAt)
	}
	state, changed, due, source := "known", "-", "-", "-"
	switch {
	case v.Awaited != nil:
		state, source = "awaited", v.Awaited.Source
		changed, due = cli.TimeText(v.Awaited.ChangedAt), cli.TimeText(v.Awaited.Due)
		if v.Awaited.Overdue {
			state = "overdue"
		}
	case v.Deleted:
		state = "deleted"
	}
	return []string{v.Secret, strconv.FormatInt(v.Version, 10), received, state, changed, due, source}
}
