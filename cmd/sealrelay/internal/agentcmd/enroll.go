package agentcmd

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// enrollFlags say where to register which keys.
type enrollFlags struct {
	server, caFile     string
	tokenFile          string
	present, agentName string
	dir                string
	// csr asks for a certificate, for subject.
	csr     bool
	subject string
}

func newEnroll() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "enroll --server URL --token-file FILE",
		Short: "Make this agent's keys and register them with the service",
		Long: `Make the agent's keys in the folder --dir, unless they are there: agent.key, an age
identity that withstands quantum computers, to open what is sealed for it, and
signing.key, Ed25519, for its receipts and its requests to the mailbox. Private keys
stay on this machine. Register the public halves with the service, by an invitation
from ` + "`sealrelay agents invite`" + ` (- for standard input). An operator may have to approve
them: run the same command again to see what became of it.

With --csr the key is an EC one, and its request for a certificate is registered: the
operator has an authority sign it and approves it with the certificate.

To change keys, give another folder and, in place of the invitation, the present
signing key with --signed-by. Exits with 4 while an operator has to approve.`,
		Example: `  sealrelay agent enroll --server https://relay.example:8443 --ca-file ca.crt --token-file invitation --dir /etc/sealrelay
  sealrelay agent enroll --server https://relay.example:8443 --agent web --signed-by /etc/sealrelay/signing.key --dir /etc/sealrelay/next`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	f := &enrollFlags{}
	flags := cmd.Flags()
	flags.StringVar(&f.server, "server", "", "the service's `URL`, https://HOST[:PORT]")
	flags.StringVar(&f.caFile, "ca-file", "", "PEM `file` with the authority of the service's certificate (default: those of the system)")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the invitation")
	flags.StringVar(&f.present, "signed-by", "", "`file` with the agent's present signing key")
	flags.StringVar(&f.agentName, "agent", "", "the agent's `name`, with --signed-by; an invitation has it")
	flags.StringVar(&f.dir, "dir", ".", "`folder` of the keys")
	flags.BoolVar(&f.csr, "csr", false, "make an EC P-256 key and a request for a certificate (PKCS#10) in place of an age key")
	flags.StringVar(&f.subject, "subject", "", "whom the certificate is for, such as `CN=web,O=Example` (default: CN and the agent's name)")
	asJSON := cli.JSONFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("token-file", "signed-by")
	cmd.MarkFlagsMutuallyExclusive("token-file", "agent")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		answer, err := f.enroll(cmd)
		if err != nil {
			return err
		}
		return told(cmd, answer, *asJSON)
	}
	return cmd
}

func (f *enrollFlags) check() error {
	switch {
	case f.server == "":
		return cli.UsageErrorf("say where the service is with --server")
	case f.tokenFile == "" && f.present == "":
		return cli.UsageErrorf("give the invitation with --token-file, or the present signing key with --signed-by")
	case f.present != "" && f.agentName == "":
		return cli.UsageErrorf("--signed-by needs the agent's name, --agent")
	case f.subject != "" && !f.csr:
		return cli.UsageErrorf("--subject goes with --csr")
	}
	return nil
}

// enrolled is what is told of an enrolment.
type enrolled struct {
	enrol.Answer
	SigningKeyID string `json:"signing_key_id"`
}

func (f *enrollFlags) enroll(cmd *cobra.Command) (enrolled, error) {
	name, token, err := f.who(cmd)
	if err != nil {
		return enrolled{}, err
	}
	public, signing, err := f.ownKeys(name)
	if err != nil {
		return enrolled{}, err
	}
	defer clear(signing)
	body, err := enrol.NewBody(name, public, signing, time.Now())
	if err != nil {
		return enrolled{}, err
	}
	body.Token = token
	if f.present != "" {
		if body.Endorsement, err = endorsement(f.present, body.Request); err != nil {
			return enrolled{}, err
		}
	}
	client, err := httpsClient(f.caFile)
	if err != nil {
		return enrolled{}, err
	}
	answer, err := enrol.Send(cmd.Context(), client, f.server, body)
	if err != nil {
		return enrolled{}, err
	}
	id, err := keys.ID(signing.Public())
	return enrolled{answer, id}, err
}

// who is the agent, with its invitation if it has one.
func (f *enrollFlags) who(cmd *cobra.Command) (name, token string, err error) {
	if f.tokenFile == "" {
		return f.agentName, "", nil
	}
	data, err := readToken(cmd, f.tokenFile)
	if err != nil {
		return "", "", fmt.Errorf("read the invitation: %w", err)
	}
	token = strings.TrimSpace(string(data))
	name, err = enrol.TokenAgent(token)
	return name, token, err
}

func endorsement(file, request string) (string, error) {
	data, err := cli.ReadFile(file)
	if err != nil {
		return "", err
	}
	defer clear(data)
	present, err := keys.ParseSigning(data)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	defer clear(present)
	return enrol.Endorse(present, request)
}

// ownKeys reads the keys in the folder, and makes those that are not there.
// public is the key, or the request for its certificate.
func (f *enrollFlags) ownKeys(agent string) (public string, signing ed25519.PrivateKey, err error) {
	kind, dir := "age-pq", f.dir
	if f.csr {
		kind = "ec-p256"
	}
	opening, err := readOrMake(filepath.Join(dir, "agent.key"), kind)
	if err != nil {
		return "", nil, err
	}
	defer clear(opening)
	private, err := keys.ParsePrivate(opening, nil)
	if err != nil {
		return "", nil, fmt.Errorf("agent.key: %w", err)
	}
	if f.csr {
		public, err = request(private, cmp.Or(f.subject, "CN="+agent))
	} else {
		public, err = publicText(private)
	}
	if err != nil {
		return "", nil, fmt.Errorf("agent.key: %w", err)
	}
	data, err := readOrMake(filepath.Join(dir, "signing.key"), "ed25519")
	if err != nil {
		return "", nil, err
	}
	defer clear(data)
	signing, err = keys.ParseSigning(data)
	if err != nil {
		return "", nil, fmt.Errorf("signing.key: %w", err)
	}
	return public, signing, nil
}

// request asks for a certificate of the key.
func request(private any, subject string) (string, error) {
	name, err := keys.ParseSubject(subject)
	if err != nil {
		return "", fmt.Errorf("--subject: %w", err)
	}
	made, err := keys.Template{Subject: name}.Request(private)
	return string(made), err
}

func publicText(private any) (string, error) {
	public, err := keys.PublicOf(private)
	if err != nil {
		return "", err
	}
	text, err := (&keys.Public{Key: public}).Text()
	return string(bytes.TrimSpace(text)), err
}

func told(cmd *cobra.Command, e enrolled, asJSON bool) error {
	var err error
	if asJSON {
		err = cli.PrintJSON(cmd, e)
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "agent %s: %s\nkey %s\nsigning key %s\n", e.Agent, e.State, e.KeyID, e.SigningKeyID)
	}
	switch {
	case err != nil:
		return err
	case e.State == string(outbox.Requested):
		return cli.Attentionf("an operator has to approve: sealrelay agents approve %s --key %s", e.Agent, e.KeyID)
	case e.State != string(outbox.Approved):
		return errors.New("these keys are not in use; ask the service's operator, and enrol with new ones in another folder")
	}
	return nil
}
