package service

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/azurekeyvault"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/standing"
)

func newStoresDiscover() *cobra.Command {
	return cli.Parent("discover", "Find stores", newStoresDiscoverAzure(), newStoresDiscoverTLS(), newStoresDiscoverSSH(), newStoresDiscoverFiles())
}

func newStoresDiscoverAzure() *cobra.Command {
	cmd := &cobra.Command{
		Use:   azurekeyvault.Kind,
		Short: "Find the Key Vaults that the account of `azure` can see",
		Long: `Find the Key Vaults that the account of ` + "`azure`" + ` can see: those of every subscription
of every tenant. What cannot be searched is told, and the search goes on: exits with 4 then.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	var search azurekeyvault.Search
	cmd.Flags().StringSliceVar(&search.Tenants, "tenant", nil, "the `ID` of a tenant (default: tenant and additional_tenants of `azure`); several times")
	cmd.Flags().StringSliceVar(&search.Subscriptions, "subscription", nil, "the `ID` of a subscription (default: all that can be seen); several times")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(*path)
		if err != nil {
			return err
		}
		account, err := app.Azure(cfg)
		if err != nil {
			return err
		}
		var found atomic.Int64
		discoverer := counted{azurekeyvault.NewDiscoverer(search, account), &found}
		return discover(cmd, discoverer, "vaults found", func() (done, total int) { return int(found.Load()), 0 }, *asJSON)
	}
	return cmd
}

// counted counts what a discoverer yields.
type counted struct {
	stores.Discoverer
	n *atomic.Int64
}

func (c counted) Discover(ctx context.Context) iter.Seq2[stores.Found, error] {
	return func(yield func(stores.Found, error) bool) {
		for found, err := range c.Discoverer.Discover(ctx) {
			c.n.Add(1)
			if !yield(found, err) {
				return
			}
		}
	}
}

// discover prints what is found; what and measure are those of cli.NewProgress.
func discover(cmd *cobra.Command, discoverer stores.Discoverer, what string, measure func() (done, total int), asJSON bool) error {
	shown := cli.NewProgress(cmd, what, measure)
	views, problems := []standing.FoundStore{}, 0
	var brokeOff error
	for found, err := range discoverer.Discover(cmd.Context()) {
		if err != nil {
			brokeOff = err
			break
		}
		if found.Problem != nil {
			problems++
		}
		views = append(views, standing.ShowFound(found))
	}
	shown.Close()
	if err := printFound(cmd, views, asJSON); err != nil {
		return err
	}
	if brokeOff != nil {
		return fmt.Errorf("the search broke off: %w", brokeOff)
	}
	if problems > 0 {
		return cli.Attentionf("%d places could not be searched", problems)
	}
	return nil
}

func printFound(cmd *cobra.Command, views []standing.FoundStore, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(cmd, views)
	}
	var rows [][]string
	for _, view := range views {
		about := view.Problem
		if about == "" {
			var parts []string
			for _, name := range slices.Sorted(maps.Keys(view.About)) {
				parts = append(parts, name+"="+view.About[name])
			}
			about = strings.Join(parts, " ")
		}
		rows = append(rows, []string{view.Kind, cell(view.Path), cell(about)})
	}
	return cli.PrintTable(cmd, []string{"KIND", "PATH", "ABOUT"}, rows)
}

// cell is a text as it can stand in a table: the names of files and what servers say of
// themselves may have anything in them, a terminal's control characters too.
func cell(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}
