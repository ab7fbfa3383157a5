package main

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// statementFlags say what the envelope's statement must hold.
type statementFlags struct {
	file, serviceKey string
	want             statement.Claims
}

func newDecrypt() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "decrypt",
		Short: "Open an envelope with a private key",
		Long: `Open the envelope on standard input and print the secret, as it was sealed: no
newline is added or taken away.

With --statement the envelope is opened only if the statement was signed by the
service, covers this envelope, and says what --agent, --secret, --version and
--key demand.`,
		Example: `  sealrelay decrypt -i agent.key --infile prod/db/orders.js7
  sealrelay decrypt -i agent.key --infile orders.age --statement orders.age.jws \
      --service-key service.pub --agent web1 --secret prod/db/orders`,
		Args: arguments(cobra.NoArgs),
	}
	var identityFile, passwordFile string
	cmd.Flags().StringVarP(&identityFile, "key", "i", "", "private key or age identity `file`")
	cmd.Flags().StringVar(&passwordFile, "key-password-file", "", "`file` with the private key's password, a newline at its end left out")
	check := &statementFlags{}
	cmd.Flags().StringVar(&check.file, "statement", "", "`file` with the envelope's signed statement")
	cmd.Flags().StringVar(&check.serviceKey, "service-key", "", "the service's public key (PEM `file`), which must have signed the statement")
	cmd.Flags().StringVar(&check.want.Agent, "agent", "", "the `agent` that the statement must name")
	cmd.Flags().StringVar(&check.want.Secret, "secret", "", "the secret's `name` that the statement must give")
	cmd.Flags().Int64Var(&check.want.Version, "version", 0, "the secret's `version` that the statement must give")
	cmd.MarkFlagsRequiredTogether("statement", "service-key")
	in := addInputFlags(cmd, "envelope", false)
	out := addOutputFlags(cmd, "outfile", "secret")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if identityFile == "" {
			return usageErrorf("missing private key; give -i FILE")
		}
		if check.file == "" && check.want != (statement.Claims{}) {
			return usageErrorf("--agent, --secret and --version are checked against a statement; give --statement and --service-key too")
		}
		if err := out.check(); err != nil {
			return err
		}
		private, err := readIdentity(identityFile, passwordFile)
		if err != nil {
			return err
		}
		envelope, err := in.read(cmd)
		if err != nil {
			return err
		}
		defer envelope.Wipe()
		secret, err := open(envelope, private, check)
		if err != nil {
			return err
		}
		defer secret.Wipe()
		return secret.Expose(func(plaintext []byte) error { return out.write(cmd, plaintext) })
	}
	return cmd
}

func readIdentity(file, passwordFile string) (any, error) {
	var password []byte
	if passwordFile != "" {
		data, err := readFile(passwordFile)
		if err != nil {
			return nil, fmt.Errorf("read password: %w", err)
		}
		defer clear(data)
		password = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	}
	data, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	defer clear(data)
	private, err := keys.ParsePrivate(data, password)
	if errors.Is(err, keys.ErrPassword) && passwordFile == "" {
		return nil, fmt.Errorf("%s: %w (--key-password-file)", file, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return private, nil
}

// open opens the envelope, and checks the statement first if there is one.
func open(envelope *secretbytes.Value, private any, check *statementFlags) (secret *secretbytes.Value, err error) {
	err = envelope.Expose(func(data []byte) error {
		if check.file == "" {
			secret, err = agent.Open(private, data)
			return err
		}
		token, key, err := check.read()
		if err != nil {
			return err
		}
		secret, err = agent.OpenBound(private, data, token, check.want, key)
		return err
	})
	return secret, err
}

func (f *statementFlags) read() (token string, key ed25519.PublicKey, err error) {
	data, err := readFile(f.serviceKey)
	if err != nil {
		return "", nil, fmt.Errorf("read service key: %w", err)
	}
	if key, err = keys.ParseVerifying(data); err != nil {
		return "", nil, fmt.Errorf("%s: %w", f.serviceKey, err)
	}
	signed, err := readFile(f.file)
	if err != nil {
		return "", nil, fmt.Errorf("read statement: %w", err)
	}
	return string(bytes.TrimSuffix(signed, []byte("\n"))), key, nil
}
