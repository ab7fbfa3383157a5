package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// maxInvitation is the longest that an invitation may last.
const maxInvitation = 7 * 24 * time.Hour

func newAgentsInvite() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "invite AGENT",
		Short: "Print an invitation with which an agent registers its keys",
		Long: `Print an invitation with which the agent registers its keys once, by
` + "`sealrelay agent enroll`" + `. Whoever has it can register keys of their own for the agent:
bring it to the agent's host the way you would bring a password. The configuration
must say ` + "`enroll: true`" + ` for the agent. A new invitation takes the place of the one
before. Only a digest of it is kept.`,
		Example: "  sealrelay agents invite web --expires 15m",
		Args:    cli.Arguments(cobra.ExactArgs(1)),
	}
	path := cli.ConfigFlag(cmd)
	expires := cmd.Flags().Duration("expires", time.Hour, "how long it can be used, up to 168h")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *expires < time.Minute || *expires > maxInvitation {
			return cli.UsageErrorf("--expires must be 1m to %s", maxInvitation)
		}
		token, err := invite(cmd, *path, args[0], *expires)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
		return err
	}
	return cmd
}

func invite(cmd *cobra.Command, path, agent string, expires time.Duration) (string, error) {
	cfg, err := config.Load(path)
	if err != nil {
		return "", err
	}
	if _, ok := cfg.EnrolmentRule(agent); !ok {
		return "", fmt.Errorf("the configuration has no agent %q with `enroll: true`", agent)
	}
	digests, err := app.InvitationDigests(cfg)
	if err != nil {
		return "", err
	}
	store, err := openOutbox(cmd, path)
	if err != nil {
		return "", err
	}
	token, entry := enrol.NewToken(agent), agentEntry(audit.AgentInvited, agent)
	invitation := outbox.Invitation{Agent: agent, Digest: digests.Of(token), ExpiresAt: entry.At.Add(expires)}
	return token, errors.Join(store.Invite(cmd.Context(), invitation, entry), store.Close())
}

// enrolmentView is what is shown of an enrolment.
type enrolmentView struct {
	Agent        string     `json:"agent"`
	State        string     `json:"state"`
	KeyID        string     `json:"key_id"`
	SigningKeyID string     `json:"signing_key_id"`
	By           string     `json:"by"`
	RequestedAt  time.Time  `json:"requested_at"`
	DecidedAt    *time.Time `json:"decided_at,omitempty"`
	DecidedBy    string     `json:"decided_by,omitempty"`
	// AskedAt is when an operator asked for other keys; they have not come.
	AskedAt *time.Time `json:"asked_at,omitempty"`
}

func enrolmentViewOf(e outbox.Enrolment) (enrolmentView, error) {
	id, err := keys.ID(e.VerifyingKey())
	view := enrolmentView{
		Agent: e.Agent, State: string(e.State), KeyID: e.KeyID, SigningKeyID: id, By: "invitation",
		RequestedAt: e.RequestedAt, DecidedAt: standing.Known(e.DecidedAt), DecidedBy: e.DecidedBy,
	}
	if e.State == outbox.Approved {
		view.AskedAt = standing.Known(e.AskedAt)
	}
	if e.Invitation == nil {
		view.By = "the key before"
	}
	return view, err
}

func newAgentsEnrolments() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "enrolments",
		Short: "List the keys that agents have registered",
		Long:  `List the keys that agents have registered. Exits with 4 if one waits for a decision.`,
		Args:  cli.Arguments(cobra.NoArgs),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		known, err := store.Enrolments(cmd.Context())
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		return printEnrolments(cmd, known, *asJSON)
	}
	return cmd
}

func printEnrolments(cmd *cobra.Command, known []outbox.Enrolment, asJSON bool) error {
	views, rows, pending := []enrolmentView{}, [][]string{}, 0
	for _, e := range known {
		view, err := enrolmentViewOf(e)
		if err != nil {
			return err
		}
		if e.State == outbox.Requested {
			pending++
		}
		views = append(views, view)
		state := view.State
		if view.AskedAt != nil {
			state += ",asked for the next"
		}
		rows = append(rows, []string{view.Agent, state, view.KeyID, view.SigningKeyID, view.By, cli.TimeText(e.RequestedAt), cli.TimeText(e.DecidedAt), cli.Dash(view.DecidedBy)})
	}
	var err error
	if asJSON {
		err = cli.PrintJSON(cmd, views)
	} else {
		err = cli.PrintTable(cmd, []string{"AGENT", "STATE", "KEY", "SIGNING KEY", "BY", "REQUESTED", "DECIDED", "DECIDED BY"}, rows)
	}
	if err == nil && pending > 0 {
		err = cli.Attentionf("%d enrolments wait for `sealrelay agents approve` or `deny`", pending)
	}
	return err
}

func newAgentsApprove() *cobra.Command {
	return newDecision("approve", "Approve the keys that an agent asked for",
		`Approve the keys that an agent asked for. Compare the key IDs first with those that
`+"`sealrelay agent enroll`"+` printed on its host: give the key's with --key. A service that
runs seals to it within five seconds; what was sealed before has to be sent again, see
`+"`sealrelay secrets list --needs-push`"+`.

Where the agent made a request for a certificate (`+"`sealrelay agents csr`"+` prints it),
have an authority sign it and give the certificate with --certificate: it must be of the
same key. Without it the bare key is used.`, outbox.Approved, audit.AgentKeyApproved)
}

func newAgentsDeny() *cobra.Command {
	return newDecision("deny", "Deny the keys that an agent asked for",
		`Deny the keys that an agent asked for. Those that it has stay.`, outbox.Denied, audit.AgentKeyDenied)
}

func newDecision(name, short, long string, state outbox.EnrolmentState, kind audit.Kind) *cobra.Command {
	cmd := &cobra.Command{Use: name + " AGENT --key ID", Short: short, Long: long, Args: cli.Arguments(cobra.ExactArgs(1))}
	path := cli.ConfigFlag(cmd)
	keyID := cmd.Flags().String("key", "", "the `ID` of the key that is meant, as `sealrelay agents enrolments` lists it")
	file := new(string)
	if state == outbox.Approved {
		file = cmd.Flags().String("certificate", "", "PEM `file` with the certificate that was issued for the agent's request, which takes the key's place")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *keyID == "" {
			return cli.UsageErrorf("name the key with --key; `sealrelay agents enrolments` lists it, and `sealrelay agent enroll` printed it on the agent's host")
		}
		certificate, err := certificateOf(*file, *keyID)
		if err != nil {
			return err
		}
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		err = decide(cmd.Context(), store, args[0], *keyID, certificate, state, kind)
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "agent %s: key %s is %s\n", args[0], *keyID, state)
		return err
	}
	return cmd
}

// certificateOf reads the certificate of the key with that ID; empty if no file is
// named.
func certificateOf(file, keyID string) (string, error) {
	if file == "" {
		return "", nil
	}
	data, err := cli.ReadFile(file)
	if err == nil {
		err = enrol.CheckCertificate(data, keyID, time.Now())
	}
	if err != nil {
		return "", cli.WithCode(fmt.Errorf("%s: %w", file, err), cli.ExitFailed)
	}
	return string(data), nil
}

func decide(ctx context.Context, store outbox.Outbox, agent, keyID, certificate string, state outbox.EnrolmentState, kind audit.Kind) error {
	entry := agentEntry(kind, agent)
	entry.Detail = "key " + keyID
	err := store.Decide(ctx, agent, keyID, state, certificate, entry)
	if errors.Is(err, outbox.ErrNotFound) {
		err = errors.New("the agent has no such key that waits for a decision; `sealrelay agents enrolments` lists those there are")
	}
	return err
}

func newAgentsCSR() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "csr AGENT",
		Short: "Print the request for a certificate of an agent that waits for a decision",
		Long: `Print the request for a certificate (PKCS#10, PEM) of an agent that waits for a
decision, for an authority to sign. Then give the certificate to
` + "`sealrelay agents approve AGENT --key ID --certificate FILE`" + `.`,
		Example: "  sealrelay agents csr web > web.csr",
		Args:    cli.Arguments(cobra.ExactArgs(1)),
	}
	path := cli.ConfigFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		known, err := store.Enrolments(cmd.Context())
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		for _, e := range known {
			if e.Agent == args[0] && e.State == outbox.Requested && e.CSR != "" {
				_, err := fmt.Fprint(cmd.OutOrStdout(), e.CSR)
				return err
			}
		}
		return errors.New("the agent has no request for a certificate that waits for a decision; `sealrelay agents enrolments` lists what waits, and `sealrelay agent enroll --csr` makes one")
	}
	return cmd
}
