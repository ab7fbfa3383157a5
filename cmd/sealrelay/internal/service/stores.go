package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/standing"
)

func newStores() *cobra.Command {
	return cli.Parent("stores", "Look at certificate stores, and keep them true",
		newStoresList(), newStoresInventory(), newStoresAdd(), newStoresRemove(), newStoresCreate(), newStoresDiscover(), newStoresRequest(), newStoresFinish())
}

// openStore opens a store of the configuration.
func openStore(path, name string) (stores.Store, error) {
	cfg, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	return app.OpenStore(cfg, name)
}

// able is the store as one that can do what T does; verb is that in words.
func able[T any](store stores.Store, name, verb string) (T, error) {
	one, ok := store.(T)
	if !ok {
		return one, fmt.Errorf("store %s: %w: %s", name, stores.ErrInvalid, verb)
	}
	return one, nil
}

func newStoresList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the stores of the configuration, and whose keys are taken from them", Args: cli.Arguments(cobra.NoArgs)}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(*path)
		if err != nil {
			return err
		}
		views := standing.Stores(cfg)
		if *asJSON {
			return cli.PrintJSON(cmd, views)
		}
		var rows [][]string
		for _, view := range views {
			rows = append(rows, []string{view.Name, view.Kind, view.Every, cli.Dash(strings.Join(view.Keys, ", "))})
		}
		return cli.PrintTable(cmd, []string{"STORE", "KIND", "EVERY", "KEYS TAKEN"}, rows)
	}
	return cmd
}

func newStoresInventory() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inventory STORE",
		Short: "List all certificates and keys of a store",
		Long: `List all certificates and keys of a store, with those that cannot be read, or not
whole: exits with 4 if there are such, and with 1 if the list broke off and what is missing is
unknown. With --within it exits with 4 as well if one expires within that time or may
not be sealed to; an interrupt ends the list with what has been read.`,
		Example: `  sealrelay stores inventory certificates
  sealrelay stores inventory vault --within 720h --json`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	within := cmd.Flags().Duration("within", 0, "exit with 4 if a certificate expires within this `time`, is disabled, or may not be sealed to")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		store, err := openStore(*path, args[0])
		if err != nil {
			return err
		}
		views, err := inventory(cmd, store)
		if printErr := printEntries(cmd, views, *asJSON); printErr != nil {
			return printErr
		}
		if err != nil {
			return fmt.Errorf("the list broke off after %d entries: %w", len(views), err)
		}
		return attention(views, *within, cmd.Flags().Changed("within"))
	}
	return cmd
}

// inventory reads a store, and shows how far it is.
func inventory(cmd *cobra.Command, store stores.Store) ([]standing.StoreEntry, error) {
	var read atomic.Int64
	shown := cli.NewProgress(cmd, "entries read", func() (done, total int) { return int(read.Load()), 0 })
	defer shown.Close()
	return standing.Inventory(cmd.Context(), store, func() { read.Add(1) })
}

func printEntries(cmd *cobra.Command, views []standing.StoreEntry, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(cmd, views)
	}
	var rows [][]string
	for _, view := range views {
		until := "-"
		if view.NotAfter != nil {
			until = cli.TimeText(*view.NotAfter)
		}
		rows = append(rows, []string{view.Alias, cli.Dash(view.Kind), cli.Dash(view.Subject), until, cli.Dash(view.PrivateKey), view.State()})
	}
	return cli.PrintTable(cmd, []string{"ALIAS", "KEY", "SUBJECT", "VALID UNTIL", "PRIVATE KEY", "STATE"}, rows)
}

// attention is the error for entries that somebody has to look at.
func attention(views []standing.StoreEntry, within time.Duration, strict bool) error {
	unreadable, incomplete, others := 0, 0, 0
	limit := time.Now().Add(within)
	for _, view := range views {
		switch {
		case view.Problem != "":
			unreadable++
		case strict && (view.Disabled || view.Policy != "" || view.NotAfter != nil && view.NotAfter.Before(limit)):
			others++
		case view.Incomplete != "":
			incomplete++
		}
	}
	switch {
	case unreadable > 0 && others > 0:
		return cli.Attentionf("%d entries cannot be read, %d more need attention", unreadable, others)
	case unreadable > 0:
		return cli.Attentionf("%d entries cannot be read", unreadable)
	case others > 0:
		return cli.Attentionf("%d entries expire within %v, are disabled or may not be sealed to", others, within)
	case incomplete > 0:
		return cli.Attentionf("%d entries cannot be read whole", incomplete)
	}
	return nil
}

func printOutcome(cmd *cobra.Command, alias string, outcome stores.Outcome, dryRun, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(cmd, standing.ShowOutcome(alias, outcome, dryRun))
	}
	would := ""
	if dryRun {
		would = "would be "
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s%s\n", cli.Dash(alias), would, outcome.Did)
	for _, note := range outcome.Notes {
		_, noteErr := fmt.Fprintln(cmd.OutOrStdout(), note)
		err = errors.Join(err, noteErr)
	}
	return err
}

func newStoresRemove() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove STORE ALIAS",
		Short: "Take a certificate out of a store",
		Long:  "Take a certificate out of a store and wait until it is gone. With --purge what a vault\nwould keep for recovery is removed for good.",
		Args:  cli.Arguments(cobra.ExactArgs(2)),
	}
	path, asJSON, dryRun := cli.ConfigFlag(cmd), cli.JSONFlag(cmd), dryRunFlag(cmd)
	purge := cmd.Flags().Bool("purge", false, "for good, where the store keeps deleted certificates")
	return changing(cmd, path, asJSON, dryRun, func(ctx context.Context, store stores.Store, args []string) (stores.Outcome, error) {
		remover, err := able[stores.Remover](store, args[0], "nothing can be taken out of a store of this kind")
		if err != nil {
			return stores.Outcome{}, err
		}
		return remover.Remove(ctx, stores.Removal{Alias: args[1], Purge: *purge, DryRun: *dryRun})
	})
}

func newStoresCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create STORE",
		Short: "Make a store that is configured and not there yet",
		Long:  "Make a store that is configured and not there yet: a folder, a PKCS#12 or JKS\nkeystore without entries, or an Azure Key Vault as the settings under `create` say.",
		Args:  cli.Arguments(cobra.ExactArgs(1)),
	}
	path, asJSON, dryRun := cli.ConfigFlag(cmd), cli.JSONFlag(cmd), dryRunFlag(cmd)
	return changing(cmd, path, asJSON, dryRun, func(ctx context.Context, store stores.Store, args []string) (stores.Outcome, error) {
		creator, err := able[stores.Creator](store, args[0], "a store of this kind cannot be made here")
		if err != nil {
			return stores.Outcome{}, err
		}
		return creator.Create(ctx, *dryRun)
	})
}

func dryRunFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("dry-run", false, "check everything, say what would be done, and do nothing")
}

// changing makes a command of what changes a store, whose name is the first argument;
// the second is an alias.
func changing(cmd *cobra.Command, path *string, asJSON, dryRun *bool, do func(ctx context.Context, store stores.Store, args []string) (stores.Outcome, error)) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		store, err := openStore(*path, args[0])
		if err != nil {
			return err
		}
		outcome, err := do(cmd.Context(), store, args)
		if err != nil {
			return fmt.Errorf("store %s: %w", args[0], err)
		}
		alias := args[0]
		if len(args) > 1 {
			alias = args[1]
		}
		return printOutcome(cmd, alias, outcome, *dryRun, *asJSON)
	}
	return cmd
}
