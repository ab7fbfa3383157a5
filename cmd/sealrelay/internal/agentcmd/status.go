package agentcmd

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/kept"
	"github.com/sealrelay/sealrelay/internal/agent/state"
)

// statusView is what is told of a secret.
type statusView struct {
	Secret    string    `json:"secret"`
	Version   int64     `json:"version"`
	Operation string    `json:"operation"`
	Format    string    `json:"format,omitempty"`
	KeyID     string    `json:"key_id,omitempty"`
	StoredAt  time.Time `json:"stored_at"`
	// Action is the receipt's: none, done or failed; pending without a receipt.
	Action string `json:"action"`
	Detail string `json:"detail,omitempty"`
}

func newStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "List the secrets that the agent has",
		Long: `List the secrets that the agent has, with the version of each and what became of
its actions. Nothing is opened. The exit code is 4 if an action failed or a record
cannot be used.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path := configFlag(cmd)
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := config.Load(*path)
		if err != nil {
			return err
		}
		views, wrong, err := statusOf(c)
		if err != nil {
			return err
		}
		if *asJSON {
			err = cli.PrintJSON(cmd, views)
		} else {
			err = printStatus(cmd, views)
		}
		switch {
		case err != nil:
			return err
		case len(wrong) > 0:
			return cli.Attentionf("%v", errors.Join(wrong...))
		case slices.ContainsFunc(views, func(v statusView) bool { return v.Action == string(receipt.Failed) }):
			return cli.Attentionf("an action failed; the column DETAIL says why")
		}
		return nil
	}
	return cmd
}

// statusOf reads all records; wrong are those that cannot be used.
func statusOf(c *config.Config) (views []statusView, wrong []error, err error) {
	copies, err := kept.Load(c)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = copies.Close() }()
	var own ed25519.PublicKey
	if c.SigningKeyFile != "" {
		key, err := c.SigningKey()
		if err != nil {
			return nil, nil, err
		}
		own = key.Public().(ed25519.PublicKey)
	}
	views = []statusView{} // An empty list as JSON.
	err = copies.Folder.All(func(record state.Record, err error) error {
		if err == nil {
			var view statusView
			if view, err = viewOf(copies, record, own); err == nil {
				views = append(views, view)
			}
		}
		if err != nil {
			wrong = append(wrong, err)
		}
		return nil
	})
	slices.SortFunc(views, func(a, b statusView) int { return cmp.Compare(a.Secret, b.Secret) })
	return views, wrong, err
}

func viewOf(copies *kept.Copies, record state.Record, own ed25519.PublicKey) (statusView, error) {
	claims, err := copies.Trust.Claims(record.Statement)
	if err != nil {
		return statusView{}, fmt.Errorf("a record of the state folder: %w", err)
	}
	view := statusView{
		Secret: claims.Secret, Version: claims.Version, Operation: claims.Operation,
		Format: claims.Format, KeyID: claims.KeyID, StoredAt: record.StoredAt, Action: "pending",
	}
	if record.Receipt == "" {
		return view, nil
	}
	given, err := receipt.Verify(record.Receipt, own)
	if err == nil {
		err = given.Check(claims)
	}
	if err != nil {
		return statusView{}, fmt.Errorf("secret %q: %w", claims.Secret, err)
	}
	view.Action, view.Detail = string(given.Action), given.Detail
	return view, nil
}

func printStatus(cmd *cobra.Command, views []statusView) error {
	var rows [][]string
	for _, view := range views {
		rows = append(rows, []string{
			view.Secret, strconv.FormatInt(view.Version, 10), view.Operation, cli.Dash(view.Format),
			cli.TimeText(view.StoredAt), view.Action, cli.Dash(view.Detail),
		})
	}
	return cli.PrintTable(cmd, []string{"SECRET", "VERSION", "OPERATION", "FORMAT", "STORED", "ACTION", "DETAIL"}, rows)
}
