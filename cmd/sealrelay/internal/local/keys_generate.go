package local

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/durable"
)

// hookSecretKind makes a Standard Webhooks secret, which is no key pair.
const hookSecretKind = "hook-secret"

func newKeysGenerate() *cobra.Command {
	kinds := append(append([]string{}, keys.Kinds...), hookSecretKind)
	cmd := &cobra.Command{
		Use:   "generate KIND",
		Short: "Make a key pair, or a secret for signing hooks",
		Long: `Make a key pair: the private key goes to --out, readable by its owner only, the
public one to standard output, or to --pub. With --cert a self-signed
certificate is made too, for tools that take certificates only.

KIND is one of: ` + strings.Join(kinds, ", ") + `.
ed25519 is the service's signing key. hook-secret is the secret that a source
and its password manager share (whsec_...); it has no public half.`,
		Example: `  sealrelay keys generate ed25519 --out service.key --pub service.pub
  sealrelay keys generate rsa-3072 --out agent.key --cert agent.crt --name agent1
  sealrelay keys generate age --out agent.age
  sealrelay keys generate hook-secret --out hook.secret`,
		Args:      cli.Arguments(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: kinds,
	}
	out := cli.AddOutputFlags(cmd, "out", "private key")
	var public, certificate, name string
	var days int
	cmd.Flags().StringVar(&public, "pub", "", "write the public key to this `file`")
	cmd.Flags().StringVar(&certificate, "cert", "", "write a self-signed certificate to this `file`")
	cmd.Flags().StringVar(&name, "name", "sealrelay agent", "the certificate's common `name`")
	cmd.Flags().IntVar(&days, "days", 825, "the certificate's validity in `days`")
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if out.File == "" {
			return cli.UsageErrorf("give --out FILE for the private key")
		}
		if days < 1 {
			return cli.UsageErrorf("--days must be at least 1")
		}
		outputs := []*cli.Output{out, {File: public, Force: out.Force}, {File: certificate, Force: out.Force}}
		for _, file := range outputs {
			if err := file.Check(nil); err != nil {
				return err
			}
		}
		made, err := generate(args[0], certificate != "", name, days)
		if err != nil {
			return err
		}
		defer clear(made.private)
		return made.write(cmd, out.File, public, certificate, *asJSON)
	}
	return cmd
}

// generated is a new key pair.
type generated struct {
	private     []byte
	public      string
	certificate []byte
	id          string
}

func generate(kind string, withCertificate bool, name string, days int) (*generated, error) {
	if kind == hookSecretKind {
		return generateHookSecret()
	}
	private, public, err := keys.Generate(kind)
	if err != nil {
		return nil, err
	}
	made := &generated{private: private, public: public}
	key, err := keys.ParsePrivate(private, nil)
	if err != nil {
		return nil, err
	}
	half, err := keys.PublicOf(key)
	if err != nil {
		return nil, err
	}
	if made.id, err = keys.ID(half); err != nil {
		return nil, err
	}
	if withCertificate {
		now := time.Now()
		made.certificate, err = keys.SelfSigned(key, name, now.Add(-time.Minute), now.AddDate(0, 0, days))
	}
	return made, err
}

func generateHookSecret() (*generated, error) {
	secret := verify.NewSecret()
	defer secret.Wipe()
	text, err := secret.Text()
	if err != nil {
		return nil, err
	}
	defer text.Wipe()
	made := &generated{}
	err = text.Expose(func(plaintext []byte) error {
		made.private = append(append(make([]byte, 0, len(plaintext)+1), plaintext...), '\n')
		return nil
	})
	return made, err
}

// write writes the private key last: if that fails, nothing secret is left and
// nothing that looks whole.
func (g *generated) write(cmd *cobra.Command, private, public, certificate string, asJSON bool) error {
	var errs []error
	if certificate != "" {
		errs = append(errs, durable.WritePath(certificate, g.certificate, durable.Options{Mode: 0o644}))
	}
	if public != "" && g.public != "" {
		errs = append(errs, durable.WritePath(public, []byte(strings.TrimSuffix(g.public, "\n")+"\n"), durable.Options{Mode: 0o644}))
	}
	errs = append(errs, durable.WritePath(private, g.private, durable.Options{Mode: 0o600}))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if asJSON {
		return cli.PrintJSON(cmd, map[string]string{
			"private_key_file": private, "public_key_file": public, "certificate_file": certificate,
			"public_key": g.public, "key_id": g.id,
		})
	}
	if public == "" && g.public != "" {
		fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSuffix(g.public, "\n"))
	}
	return nil
}
