package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// pushFlags say what to push as well.
type pushFlags struct {
	senderFlags
	eventID                   string
	delete, fields, sendSpool bool
}

// secrets is how many are named on the command line.
func (f *pushFlags) secrets() int {
	if f.sendSpool {
		return 0
	}
	return 1
}

func newPush() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "push SECRET | push --flush",
		Short: "Send a changed secret to the service",
		Long: `Read the value of the secret from standard input, sign it (Standard Webhooks) and
send it to a hook endpoint of a source with the adapter "push". What may be tried
again is tried again, under one event ID. Prints what each agent will get; exits
with 4 if an agent is blocked.

The value is sent as it comes: a newline at its end is part of it.

With --seal the value is sealed here, for the recipients that the service signs:
the service never sees it. With --spool as well, what the service is away for is
kept, sealed, and sent by a later push or by --flush; the exit code is then 6.`,
		Example: `  printf %s "$NEW_PASSWORD" | sealrelay push prod/db/orders \
      --url https://relay.example:8443/v1/hooks/scripts --secret-file hook.secret
  printf '{"user":"app","password":"%s"}' "$P" | sealrelay push prod/db/orders --fields
  sealrelay push prod/db/orders --delete
  sealrelay push prod/db/orders --seal --service-key service.pub --spool /var/spool/hook < value
  sealrelay push --flush --seal --service-key service.pub --spool /var/spool/hook`,
	}
	f := &pushFlags{}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		return cli.Arguments(cobra.ExactArgs(f.secrets()))(cmd, args)
	}
	f.register(cmd, false)
	flags := cmd.Flags()
	flags.StringVar(&f.eventID, "event-id", "", "the event's `ID`, if a failed push is to be repeated by another run")
	flags.BoolVar(&f.delete, "delete", false, "tell that the secret was deleted; reads no value")
	flags.BoolVar(&f.sendSpool, "flush", false, "send what waits in the spool, and nothing else")
	flags.BoolVar(&f.fields, "fields", false, "the value is a JSON object of strings, each a named field")
	cmd.MarkFlagsMutuallyExclusive("delete", "fields", "flush")
	cmd.MarkFlagsMutuallyExclusive("event-id", "flush")
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		if f.sendSpool {
			return f.flush(cmd)
		}
		event, err := f.event(cmd, args[0])
		if err != nil {
			return err
		}
		defer event.Value.Wipe()
		answer, err := f.send(cmd.Context(), event)
		var spooled *push.SpooledError
		if errors.As(err, &spooled) {
			return cli.WithCode(err, cli.ExitSpooled)
		}
		if err != nil {
			return err
		}
		return printAnswer(cmd, answer, *asJSON)
	}
	return cmd
}

func (f *pushFlags) event(cmd *cobra.Command, name string) (hooks.Event, error) {
	event := hooks.Event{ID: f.eventID, Secret: name, Operation: hooks.Set, OccurredAt: time.Now()}
	if err := hooks.CheckName(name); err != nil {
		return event, cli.UsageErrorf("%w", err)
	}
	if f.delete {
		event.Operation = hooks.Delete
		return event, nil
	}
	in := &cli.Input{What: "secret", Secret: !f.fields}
	value, err := in.Read(cmd)
	if err != nil {
		return event, err
	}
	if value.Len() == 0 {
		return event, errors.New("the value is empty, which is hardly meant; give it on standard input, or --delete to tell that the secret was deleted")
	}
	if !f.fields {
		event.Value = value
		return event, nil
	}
	defer value.Wipe()
	event.Value, event.Fields, err = parseFields(value)
	return event, err
}

// parseFields reads a JSON object of strings.
func parseFields(value *secretbytes.Value) (*secretbytes.Value, []string, error) {
	fields := map[string]*secretbytes.Value{}
	defer func() {
		for _, field := range fields {
			field.Wipe()
		}
	}()
	err := value.Expose(func(plaintext []byte) error { return json.Unmarshal(plaintext, &fields) })
	isNull := func(field *secretbytes.Value) bool { return field == nil }
	if err != nil || slices.ContainsFunc(slices.Collect(maps.Values(fields)), isNull) {
		return nil, nil, errors.New("--fields: standard input is not a JSON object of strings")
	}
	return adapters.JoinFields(fields)
}

func printAnswer(cmd *cobra.Command, answer wire.Answer, asJSON bool) error {
	if asJSON {
		if err := cli.PrintJSON(cmd, answer); err != nil {
			return err
		}
	} else if err := printAnswerText(cmd, answer); err != nil {
		return err
	}
	for _, agent := range answer.Agents {
		if agent.Outcome == wire.Blocked {
			return cli.Attentionf("some agents get nothing until their key is mended and the secret pushed again")
		}
	}
	return nil
}

func printAnswerText(cmd *cobra.Command, answer wire.Answer) error {
	fmt.Fprintf(cmd.OutOrStdout(), "%s: version %d of %s (event %s)\n", answer.Status, answer.Version, answer.Secret, answer.EventID)
	var rows [][]string
	for _, agent := range answer.Agents {
		rows = append(rows, []string{agent.Agent, string(agent.Outcome), strings.Join(agent.Destinations, ","), cli.Dash(agent.Detail)})
	}
	if len(rows) == 0 {
		return nil
	}
	return cli.PrintTable(cmd, []string{"AGENT", "OUTCOME", "DESTINATIONS", "DETAIL"}, rows)
}
