package service

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

const (
	// secretPlaceholder stands for the secret's name in a repush_command.
	secretPlaceholder = "{secret}"
	// repushTimeout bounds one command.
	repushTimeout = 5 * time.Minute
)

// repushCommand is the source's command for the secret; nil if it has none. A
// name that the command would take for an option gets none.
func repushCommand(template []string, secret string) []string {
	command := make([]string, 0, len(template))
	for _, argument := range template {
		filled := strings.ReplaceAll(argument, secretPlaceholder, secret)
		if strings.HasPrefix(filled, "-") && !strings.HasPrefix(argument, "-") {
			return nil
		}
		command = append(command, filled)
	}
	return command
}

// distinctCommands are the commands of the needs, each once: one that does not
// name the secret serves all of its source.
func distinctCommands(needs []needView) [][]string {
	var commands [][]string
	for _, need := range needs {
		same := func(other []string) bool { return slices.Equal(other, need.Command) }
		if len(need.Command) > 0 && !slices.ContainsFunc(commands, same) {
			commands = append(commands, need.Command)
		}
	}
	return commands
}

// runCommands runs the commands one after the other, all of them even if one
// fails.
func runCommands(cmd *cobra.Command, needs []needView) error {
	commands, failed, byHand := distinctCommands(needs), 0, 0
	for _, command := range commands {
		if err := runCommand(cmd, command); err != nil {
			failed++
			cmd.PrintErrf("sealrelay: %s: %v\n", shellText(command), err)
		}
	}
	for _, need := range needs {
		if len(need.Command) == 0 {
			byHand++
		}
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d of %d commands failed", failed, len(commands))
	case byHand > 0:
		return cli.Attentionf("%d secrets must be sent again by hand; their sources have no repush_command", byHand)
	}
	return nil
}

// runCommand runs one command. What it prints on standard output is dropped, as
// it may be a value.
func runCommand(cmd *cobra.Command, command []string) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), repushTimeout)
	defer cancel()
	child := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // The operator's configuration says so.
	child.Stderr = cmd.ErrOrStderr()
	child.WaitDelay = time.Second
	return child.Run()
}

// plainWord is one that no shell takes for anything else.
var plainWord = lazyregexp.New(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellText is the command as a POSIX shell would take it.
func shellText(command []string) string {
	words := make([]string, len(command))
	for i, word := range command {
		if words[i] = word; !plainWord().MatchString(word) {
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}
