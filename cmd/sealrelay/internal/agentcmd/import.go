package agentcmd

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/bundlefile"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/bundle"
	"github.com/sealrelay/sealrelay/internal/deliver/file"
)

// importFlags say who imports, whom it trusts, and where to.
type importFlags struct {
	agent, dir, signingKey string
	serviceKeys            []string
}

func newImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Apply a bundle on a host that no network reaches",
		Long: `Apply the bundle that ` + "`sealrelay deliveries export`" + ` wrote (- for standard input)
to a folder: the secret a/b in format age becomes a/b.age, its signed statement
a/b.age.jws. The bundle must be signed by the service and be for this agent, and
each statement in it must cover its envelope; else nothing is applied. Of a secret
of which a newer version is there the older one is left out.

The receipts say, signed with the agent's own key, what is there now; take them
back to ` + "`sealrelay deliveries import`" + `. A bundle can be applied again. Exits with 4 if
something older was left out.`,
		Example: `  sealrelay agent import plant-7.bundle --agent plant-7 --service-key service.pub \
      --dir /var/lib/secrets --signing-key agent-signing.key --receipts plant-7.receipts`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	f := &importFlags{}
	cmd.Flags().StringVar(&f.agent, "agent", "", "the `name` that the service knows this agent by")
	cmd.Flags().StringArrayVar(&f.serviceKeys, "service-key", nil, "the service's public key (PEM `file`); several times while it changes")
	cmd.Flags().StringVar(&f.dir, "dir", "", "the `folder` to write to; made if only its last part is missing")
	cmd.Flags().StringVar(&f.signingKey, "signing-key", "", "the agent's Ed25519 private key (PEM `file`) that receipts are signed with")
	out := cli.AddOutputFlags(cmd, "receipts", "receipts")
	for _, flag := range []string{"agent", "service-key", "dir", "signing-key"} {
		_ = cmd.MarkFlagRequired(flag)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := out.Check(cli.InputFile("bundle", args[0])); err != nil {
			return err
		}
		opened, err := f.open(cmd, args[0])
		if err != nil {
			return err
		}
		return f.apply(cmd, opened, out)
	}
	return cmd
}

// open reads and verifies the bundle.
func (f *importFlags) open(cmd *cobra.Command, name string) (*bundle.Bundle, error) {
	var trusted []ed25519.PublicKey
	for _, name := range f.serviceKeys {
		data, err := cli.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read service key: %w", err)
		}
		key, err := keys.ParseVerifying(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		trusted = append(trusted, key)
	}
	data, err := bundlefile.Read(cmd, "bundle", name)
	if err != nil {
		return nil, err
	}
	opened, err := bundle.Open(data, f.agent, trusted...)
	return opened, bundlefile.Refused(err)
}

// apply applies the bundle and writes the receipts, those of a part too: what
// they tell of is there.
func (f *importFlags) apply(cmd *cobra.Command, opened *bundle.Bundle, out *cli.Output) error {
	key, err := f.readSigningKey()
	if err != nil {
		return err
	}
	defer clear(key)
	signer, err := receipt.NewSigner(key)
	if err != nil {
		return err
	}
	receipts, older, failed := opened.Apply(cmd.Context(), bundle.IntoFolder(file.At(f.dir), signer))
	data, err := opened.PackReceipts(key, time.Now(), receipts)
	if err == nil {
		err = out.Write(cmd, data)
	}
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: applied %d of %d deliveries for %s; take the receipts to `sealrelay deliveries import`\n", len(receipts), opened.Count, opened.To)
	if len(older) > 0 {
		return cli.Attentionf("of %d secrets a newer version is there already, %q the first of them; the bundle was made before another that was applied", len(older), older[0])
	}
	return nil
}

func (f *importFlags) readSigningKey() (ed25519.PrivateKey, error) {
	data, err := cli.ReadFile(f.signingKey)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	defer clear(data)
	key, err := keys.ParseSigning(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.signingKey, err)
	}
	return key, nil
}
