package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// senderFlags say where to send events and how to prove who sends them.
type senderFlags struct {
	url, secretFile, tokenFile string
	tries                      int
	timeout                    time.Duration
	tls                        push.TLS
}

// pushFlags say what to push as well.
type pushFlags struct {
	senderFlags
	eventID        string
	delete, fields bool
}

func newPush() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "push SECRET",
		Short: "Send a changed secret to the service",
		Long: `Read the value of the secret from standard input, sign it (Standard Webhooks) and
send it to a hook endpoint of a source with the adapter "push". What may be tried
again is tried again, under one event ID. Prints what each agent will get; exits
with 4 if an agent is blocked.

The value is sent as it comes: a newline at its end is part of it.`,
		Example: `  printf %s "$NEW_PASSWORD" | sealrelay push prod/db/orders \
      --url https://relay.example:8443/v1/hooks/scripts --secret-file hook.secret
  printf '{"user":"app","password":"%s"}' "$P" | sealrelay push prod/db/orders --fields
  sealrelay push prod/db/orders --delete`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	f := &pushFlags{}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.eventID, "event-id", "", "the event's `ID`, if a failed push is to be repeated by another run")
	flags.BoolVar(&f.delete, "delete", false, "tell that the secret was deleted; reads no value")
	flags.BoolVar(&f.fields, "fields", false, "the value is a JSON object of strings, each a named field")
	cmd.MarkFlagsMutuallyExclusive("delete", "fields")
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		event, err := f.event(cmd, args[0])
		if err != nil {
			return err
		}
		defer event.Value.Wipe()
		answer, err := f.send(cmd.Context(), event)
		if err != nil {
			return err
		}
		return printAnswer(cmd, answer, *asJSON)
	}
	return cmd
}

func (f *senderFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", os.Getenv("SEALRELAY_URL"), "hook endpoint, https://HOST/v1/hooks/SOURCE (environment: SEALRELAY_URL)")
	flags.StringVar(&f.secretFile, "secret-file", os.Getenv("SEALRELAY_SECRET_FILE"), "`file` with the secret shared with the source, whsec_... (environment: SEALRELAY_SECRET_FILE)")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with a bearer token, for a source that takes one in place of a signature")
	flags.StringVar(&f.tls.CAFile, "ca-file", os.Getenv("SEALRELAY_CA_FILE"), "PEM `file` with an authority to trust beside the system's (environment: SEALRELAY_CA_FILE)")
	flags.StringVar(&f.tls.CertFile, "client-cert", "", "PEM `file` with a TLS client certificate")
	flags.StringVar(&f.tls.KeyFile, "client-key", "", "PEM `file` with its private key")
	flags.IntVar(&f.tries, "tries", push.DefaultAttempts, "how often to try at most")
	flags.DurationVar(&f.timeout, "timeout", push.DefaultMaxElapsed, "how long to try at most")
	cmd.MarkFlagsMutuallyExclusive("secret-file", "token-file")
	cmd.MarkFlagsRequiredTogether("client-cert", "client-key")
}

// check finds what is wrong with the flags, before a value is read.
func (f *senderFlags) check() error {
	if f.url == "" {
		return cli.UsageErrorf("missing address; give --url https://HOST/v1/hooks/SOURCE")
	}
	if f.tries < 1 || f.timeout <= 0 {
		return cli.UsageErrorf("--tries and --timeout are above 0")
	}
	if f.tokenFile == "" && f.secretFile == "" {
		return cli.UsageErrorf("missing credential; give --secret-file or --token-file")
	}
	return nil
}

// send sends the event, whose Value stays the caller's.
func (f *senderFlags) send(ctx context.Context, event hooks.Event) (wire.Answer, error) {
	client, err := f.client()
	if err != nil {
		return wire.Answer{}, err
	}
	return client.Push(ctx, event)
}

func (f *senderFlags) client() (*push.Client, error) {
	httpClient, err := push.NewHTTP(f.tls)
	if err != nil {
		return nil, err
	}
	client := &push.Client{URL: f.url, HTTP: httpClient, Attempts: f.tries, MaxElapsed: f.timeout}
	if f.tokenFile != "" {
		client.Token, err = readSecretFile(f.tokenFile)
		return client, err
	}
	text, err := readSecretFile(f.secretFile)
	if err != nil {
		return nil, err
	}
	defer text.Wipe()
	client.Secret, err = verify.ParseSecret(text)
	return client, err
}

// readSecretFile reads a credential without the newline at its end.
func readSecretFile(name string) (*secretbytes.Value, error) {
	data, err := cli.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read credential: %w", err)
	}
	defer clear(data)
	return secretbytes.Copy(bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))), nil
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
