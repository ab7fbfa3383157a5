package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
)

func newConfig() *cobra.Command {
	return cli.Parent("config", "Look at the configuration", newConfigCheck())
}

func newConfigCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong with the configuration",
		Long: `Read the configuration and every file that it names, and say everything that is
wrong at once. Exits with 1 if the service could not start with it, with 4 if it
could but a key fails the policy.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		found, err := checkConfig(*path)
		if *asJSON {
			err = errors.Join(cli.PrintJSON(cmd, found), err)
		} else if err == nil {
			err = printCheck(cmd, *path, found)
		}
		if err == nil && len(found.Keys) > 0 {
			return cli.Attentionf("%d keys fail the policy; their agents get nothing until they are mended", len(found.Keys))
		}
		return err
	}
	return cmd
}

// configView is what `config check` found.
type configView struct {
	// OK: the service can start with it, and every key passes the policy.
	OK bool `json:"ok"`
	// Problems keep the service from starting.
	Problems []string `json:"problems,omitempty"`
	// Keys are those that fail the policy, with the reason.
	Keys    []string `json:"keys,omitempty"`
	Sources int      `json:"sources"`
	Agents  int      `json:"agents"`
	Groups  int      `json:"groups"`
	Routes  int      `json:"routes"`
}

func checkConfig(path string) (configView, error) {
	cfg, err := config.Load(path)
	var built *app.Built
	if err == nil {
		built, err = checkStored(cfg)
	}
	if err != nil {
		// Its class is not that of a key that it names: the command promises 1.
		return configView{Problems: strings.Split(err.Error(), "\n")}, cli.WithCode(err, cli.ExitFailed)
	}
	found := configView{Sources: len(cfg.Sources), Agents: len(cfg.Agents), Groups: len(cfg.Groups), Routes: len(cfg.Routes)}
	for _, report := range app.Keys(built.Rules.Registry(), time.Now()) {
		if report.Err != nil {
			found.Keys = append(found.Keys, report.Owner+": "+report.Err.Error())
		}
	}
	found.OK = len(found.Keys) == 0
	return found, nil
}

// checkStored reads the keys that are in stores, and then checks the configuration.
func checkStored(cfg *config.Config) (*app.Built, error) {
	with, err := app.ReadStores(context.Background(), cfg, func(string) {})
	if err != nil {
		return nil, err
	}
	return app.Check(with)
}

func printCheck(cmd *cobra.Command, path string, found configView) error {
	for _, key := range found.Keys {
		fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: %s\n", key)
	}
	if !found.OK {
		return nil
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %d sources, %d agents, %d groups, %d routes\n",
		path, found.Sources, found.Agents, found.Groups, found.Routes)
	return err
}
