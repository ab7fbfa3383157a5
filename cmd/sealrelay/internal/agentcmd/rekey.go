package agentcmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/daemon"
	"github.com/sealrelay/sealrelay/internal/agent/kept"
	"github.com/sealrelay/sealrelay/internal/agent/rekey"
	"github.com/sealrelay/sealrelay/internal/agent/state"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func newRekey() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Make this agent's next key and register it",
		Long: `Make the agent's next key, an age identity that withstands quantum computers, in the
folder that the configuration names with identities: [{dir: FOLDER}], and register it
with the service on the word of the agent's signing key, which stays. New versions are
sealed for it; an agent that runs needs no restart. The keys before stay in the folder,
and open what was sealed for them. After a failure run the same command again: it goes
on with the key that it made. Exits with 4 if an operator has to approve.

With --prune no key is made: those before the present one are removed, if neither the
agent nor the service has anything that is sealed for them.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, asJSON := configFlag(cmd), cli.JSONFlag(cmd)
	prune := cmd.Flags().Bool("prune", false, "remove the keys that nothing is sealed for any more")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := config.Load(*path)
		if err != nil {
			return err
		}
		rekeyer, err := daemon.NewRekeyer(c)
		if err != nil {
			return err
		}
		defer rekeyer.Close()
		if *prune {
			return pruneKeys(cmd, c, rekeyer, *asJSON)
		}
		answer, err := rekeyer.Next(cmd.Context(), time.Now())
		if err != nil {
			return err
		}
		return toldNext(cmd, answer, *asJSON)
	}
	return cmd
}

func toldNext(cmd *cobra.Command, answer enrol.Answer, asJSON bool) error {
	var err error
	if asJSON {
		err = cli.PrintJSON(cmd, answer)
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "agent %s: %s\nkey %s\n", answer.Agent, answer.State, answer.KeyID)
		if err == nil && answer.Older > 0 {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d secrets are sealed for keys before this one until they are sent again: `sealrelay secrets list --needs-push` where the service is\n", answer.Older)
		}
	}
	switch {
	case err != nil:
		return err
	case answer.State == string(outbox.Requested):
		return cli.Attentionf("an operator has to approve: sealrelay agents approve %s --key %s", answer.Agent, answer.KeyID)
	case answer.State != string(outbox.Approved):
		return fmt.Errorf("the key is %s: another one was registered meanwhile; run the command again for the next", answer.State)
	}
	return nil
}

func pruneKeys(cmd *cobra.Command, c *config.Config, rekeyer *rekey.Rekeyer, asJSON bool) error {
	needed, err := neededKeys(c)
	if err != nil {
		return err
	}
	pruned, err := rekeyer.Prune(cmd.Context(), needed, time.Now())
	if err != nil {
		return err
	}
	if asJSON {
		err = cli.PrintJSON(cmd, pruned)
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "removed %d keys: %s\n", len(pruned.Removed), cli.Dash(strings.Join(pruned.Removed, ", ")))
	}
	if err == nil && len(pruned.Kept) > 0 {
		return cli.Attentionf("%s: something is sealed for them still, on this host or for %d secrets at the service; have those sent again first", strings.Join(pruned.Kept, ", "), pruned.Older)
	}
	return err
}

// neededKeys are the IDs of the keys that the agent's copies are sealed for. A
// record that cannot be used stops it: its key is not known.
func neededKeys(c *config.Config) (map[string]bool, error) {
	copies, err := kept.Load(c)
	if err != nil {
		return nil, err
	}
	defer func() { _ = copies.Close() }()
	needed := map[string]bool{}
	err = copies.Folder.All(func(record state.Record, err error) error {
		if err != nil {
			return fmt.Errorf("%w; nothing is removed", err)
		}
		claims, err := copies.Trust.Claims(record.Statement)
		if err != nil {
			return fmt.Errorf("a record of the state folder: %w; nothing is removed", err)
		}
		if claims.Operation == string(hooks.Set) {
			needed[claims.KeyID] = true
		}
		return nil
	})
	return needed, err
}
