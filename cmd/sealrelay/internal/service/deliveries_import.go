package service

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/bundlefile"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/bundle"
)

func newDeliveriesImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take the receipts of an agent that no network reaches",
		Long: `Take the file of receipts that ` + "`sealrelay agent import`" + ` wrote (- for standard
input): it must be signed with a key of the agent's signing_key_files, and each
receipt be of a delivery that this service signed. A file can be imported again
and changes nothing then.`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		receipts, err := readReceipts(cmd, *path, args[0])
		if err != nil {
			return err
		}
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		done, err := receipts.Acknowledge(cmd.Context(), store, operator())
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		if *asJSON {
			return cli.PrintJSON(cmd, map[string]any{"agent": receipts.From, "destination": receipts.Destination, "taken": done.Taken, "known": done.Known})
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d receipts of %s: %d taken, %d known before\n", len(receipts.Receipts), receipts.From, done.Taken, done.Known)
		return err
	}
	return cmd
}

func readReceipts(cmd *cobra.Command, configPath, file string) (*bundle.Receipts, error) {
	cfg, err := loadEnrolled(cmd.Context(), configPath)
	if err != nil {
		return nil, err
	}
	registry, err := app.Registry(cfg)
	if err != nil {
		return nil, err
	}
	agents := map[string][]ed25519.PublicKey{}
	for _, agent := range registry.Agents() {
		agents[agent.Name] = agent.SigningKeys
	}
	service, err := app.Service(cfg)
	if err != nil {
		return nil, err
	}
	data, err := bundlefile.Read(cmd, "receipts", file)
	if err != nil {
		return nil, err
	}
	receipts, err := bundle.OpenReceipts(data, service.Issuer, service.Key.Public().(ed25519.PublicKey), agents)
	return receipts, bundlefile.Refused(err)
}
