package local

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func newDecrypt(readVault ReadVault) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "decrypt",
		Short: "Open an envelope with a private key",
		Long: `Open the envelope on standard input and print the secret, as it was sealed: no
newline is added or taken away. The envelope's format is found by its content;
each private key is tried.

With --statement the envelope is opened only if the statement was signed by the
service, covers this envelope, and says what --context (or --agent, --secret,
--version) and --key demand.

With --from-vault the envelope and its statement are read from an Azure Key Vault,
where the destination azure-key-vault has put them for --agent.`,
		Example: `  sealrelay decrypt -i agent.key --infile prod/db/orders.js7
  sealrelay decrypt -i agent.p12 --key-alias agent --key-password-file password.txt < message.p7m
  sealrelay decrypt -i agent.key --infile orders.age --statement orders.age.jws \
      --service-key service.pub --context web1/prod/db/orders/7
  sealrelay decrypt -i agent.key --from-vault myvault --sign-in managed-identity \
      --agent web1 --secret prod/db/orders --service-key service.pub`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	with := AddIdentityFlags(cmd, "key")
	check := addStatementFlags(cmd)
	vault := addVaultFlags(cmd, check, readVault)
	noLegacy := cmd.Flags().Bool("no-legacy", false, "refuse envelopes of formats and algorithms that `sealrelay formats` marks as legacy")
	stream := cmd.Flags().Bool("stream", false, "open in chunks, in little memory, what may be larger than 64 MiB (age)")
	in := cli.AddInputFlags(cmd, "envelope", false)
	out := cli.AddOutputFlags(cmd, "outfile", "secret")
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		want, err := check.wanted()
		if err != nil {
			return err
		}
		if err := out.Check(in); err != nil {
			return err
		}
		privates, err := with.Read(cmd)
		if err != nil {
			return err
		}
		if *stream {
			if check.file != "" || vault.from.Name != "" || *asJSON {
				return cli.UsageErrorf("--stream goes neither with --json nor with --statement, whose digest is of the whole envelope")
			}
			return openStream(cmd, privates, in, out)
		}
		envelope, err := vault.read(cmd.Context(), check, func() (*secretbytes.Value, error) { return in.Read(cmd) })
		if err != nil {
			return err
		}
		defer envelope.Wipe()
		var secret *secretbytes.Value
		err = envelope.Expose(func(data []byte) error {
			if *noLegacy {
				if err := formats.RefuseLegacy(data); err != nil {
					return err
				}
			}
			if secret, err = check.open(privates, data, want); err == nil && *asJSON {
				secret, err = asJSONValue(data, secret)
			}
			return err
		})
		if err != nil {
			return withHint(err)
		}
		defer secret.Wipe()
		return secret.Expose(func(plaintext []byte) error { return out.Write(cmd, plaintext) })
	}
	return cmd
}

// withHint adds what to do next to why an envelope was not opened.
func withHint(err error) error {
	for _, h := range []struct {
		class error
		next  string
	}{
		{crypto.ErrNoMatch, "give the private key that belongs to the key it was sealed to; `sealrelay keys inspect` tells a key's ID"},
		{crypto.ErrUnsupportedKey, "give the private key that belongs to the key it was sealed to"},
		{crypto.ErrDamaged, "fetch it again from where it came"},
		{crypto.ErrMalformed, "see that it is whole and nothing else"},
	} {
		if errors.Is(err, h.class) {
			return fmt.Errorf("%w; %s", err, h.next)
		}
	}
	return err
}

// statementFlags say what the envelope's statement must hold.
type statementFlags struct {
	file, serviceKey, context string
	want                      statement.Claims
	// fromVault: the statement is the one that is read with the envelope, token then.
	fromVault bool
	token     string
}

func addStatementFlags(cmd *cobra.Command) *statementFlags {
	f := &statementFlags{}
	cmd.Flags().StringVar(&f.file, "statement", "", "`file` with the envelope's signed statement")
	cmd.Flags().StringVar(&f.serviceKey, "service-key", "", "the service's public key (PEM `file`), which must have signed the statement")
	cmd.Flags().StringVar(&f.context, "context", "", "what the statement must name: `AGENT/SECRET/VERSION`")
	cmd.Flags().StringVar(&f.want.Agent, "agent", "", "the `agent` that the statement must name")
	cmd.Flags().StringVar(&f.want.Secret, "secret", "", "the secret's `name` that the statement must give")
	cmd.Flags().Int64Var(&f.want.Version, "version", 0, "the secret's `version` that the statement must give")
	for _, one := range []string{"agent", "secret", "version"} {
		cmd.MarkFlagsMutuallyExclusive("context", one)
	}
	return f
}

// wanted is what the statement must say.
func (f *statementFlags) wanted() (want statement.Claims, err error) {
	want = f.want
	if f.context != "" {
		if want, err = parseContext(f.context); err != nil {
			return want, err
		}
	}
	if f.bound() != (f.serviceKey != "") {
		return want, cli.UsageErrorf("a statement is good for something only with --service-key, which it must be signed by, and the other way round")
	}
	if !f.bound() && want != (statement.Claims{}) {
		return want, cli.UsageErrorf("what an envelope is bound to is in its statement; give --statement and --service-key too")
	}
	return want, nil
}

// bound says whether the envelope has a statement.
func (f *statementFlags) bound() bool { return f.file != "" || f.fromVault }

// open opens the envelope, and checks the statement first if there is one.
func (f *statementFlags) open(privates []any, envelope []byte, want statement.Claims) (*secretbytes.Value, error) {
	if !f.bound() {
		return agent.Open(privates, envelope)
	}
	token, key, err := f.read()
	if err != nil {
		return nil, err
	}
	return agent.OpenBound(privates, envelope, token, want, key)
}

func (f *statementFlags) read() (token string, key ed25519.PublicKey, err error) {
	data, err := cli.ReadFile(f.serviceKey)
	if err != nil {
		return "", nil, fmt.Errorf("read service key: %w", err)
	}
	if key, err = keys.ParseVerifying(data); err != nil {
		return "", nil, fmt.Errorf("%s: %w", f.serviceKey, err)
	}
	if f.fromVault {
		return f.token, key, nil
	}
	signed, err := cli.ReadFile(f.file)
	if err != nil {
		return "", nil, fmt.Errorf("read statement: %w", err)
	}
	return string(bytes.TrimSuffix(signed, []byte("\n"))), key, nil
}

// detectable is how much of an envelope tells its format, in bytes.
const detectable = 64 << 10

// openStream opens in chunks. What it writes is authentic; that nothing is
// missing is known at the end only, and then a file is there, or none.
func openStream(cmd *cobra.Command, privates []any, in *cli.Input, out *cli.Output) error {
	from, err := in.Open(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	buffered := bufio.NewReaderSize(cancellable(cmd.Context(), from), detectable)
	head, err := buffered.Peek(detectable)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read envelope: %w", err)
	}
	format, known := formats.Detect(head)
	if !known || format.Stream == nil {
		return fmt.Errorf("%w: it is in no format that is opened in chunks; leave out --stream", crypto.ErrMalformed)
	}
	var identities []crypto.Identity
	for _, private := range privates {
		if identity, err := format.Identity(private); err == nil {
			identities = append(identities, identity)
		}
	}
	if len(identities) == 0 {
		return fmt.Errorf("%w: none of the private keys opens format %s", crypto.ErrUnsupportedKey, format.Name)
	}
	plaintext, err := format.Stream.Open(buffered, identities...)
	if err != nil {
		return withHint(err)
	}
	return out.WriteBy(cmd, true, func(w io.Writer) error {
		return copyWiped(cmd.Context(), w, plaintext)
	})
}
