package service

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func newAgentsRekey() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rekey AGENT",
		Short: "Ask an agent for its next key",
		Long: `Ask an agent that registers its keys itself for its next one. An agent that fetches
from the mailbox, and whose identities are a folder, makes and registers it within
seconds; any other needs ` + "`sealrelay agent rekey`" + ` on its host. ` + "`sealrelay agents enrolments`" + `
shows whether it has. What was sealed for the key before stays so until it is sent
again: ` + "`sealrelay secrets list --needs-push`" + `.`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	path := cli.ConfigFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		err = store.AskKeys(cmd.Context(), args[0], agentEntry(audit.AgentKeyAsked, args[0]))
		if errors.Is(err, outbox.ErrNotFound) {
			err = errors.New("the agent has registered no key; `sealrelay agents enrolments` lists those that have. Another agent's keys are replaced in the configuration")
		}
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "agent %s is asked for its next key\n", args[0])
		return err
	}
	return cmd
}
