package local

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

func newKeysCSR() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "csr",
		Short: "Make a request for a certificate, for an authority to sign",
		Long: `Make a certificate signing request (PKCS#10, PEM) for the public half of an RSA
or EC private key, secp256k1 too. It asks for a certificate for encryption: key
usage keyEncipherment for RSA, keyAgreement for EC.`,
		Example: `  sealrelay keys csr -i agent.key --name agent1 --out agent.csr
  sealrelay keys csr -i agent.p12 --key-alias agent --key-password-file password.txt \
      --subject "CN=agent1,O=Example,C=DE" --san agent1.example.org > agent.csr`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	key := addCertifiedKeyFlags(cmd)
	subject := addSubjectFlags(cmd)
	out := cli.AddOutputFlags(cmd, "out", "request")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		template, err := subject.template("")
		if err != nil {
			return err
		}
		if len(template.Subject) == 0 && len(template.Names) == 0 {
			return cli.UsageErrorf("whom is the certificate for? give --name, --subject or --san")
		}
		return certify(cmd, key, out, template.Request)
	}
	return cmd
}

func newKeysSelfSign() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "self-sign",
		Short: "Make a certificate that is signed by its own key",
		Long: `Make a self-signed certificate (PEM) for the public half of an RSA or EC private
key, secp256k1 too, for tools that take certificates only, as JS7 does. It is for
encryption: key usage keyEncipherment for RSA, keyAgreement for EC. Nobody vouches
for it: compare its fingerprint where it is used.`,
		Example: `  sealrelay keys self-sign -i agent.key --name agent1 --days 730 --out agent.crt`,
		Args:    cli.Arguments(cobra.NoArgs),
	}
	key := addCertifiedKeyFlags(cmd)
	subject := addSubjectFlags(cmd)
	days := daysFlag(cmd, "the certificate's validity")
	out := cli.AddOutputFlags(cmd, "out", "certificate")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkDays(*days); err != nil {
			return err
		}
		template, err := subject.template("")
		if err != nil {
			return err
		}
		if len(template.Subject) == 0 {
			return cli.UsageErrorf("whom is the certificate for? give --name or --subject")
		}
		return certify(cmd, key, out, valid(template, *days).Certificate)
	}
	return cmd
}

// certify writes what is made of the private key, which is public.
func certify(cmd *cobra.Command, key *certifiedKeyFlags, out *cli.Output, make func(private any) ([]byte, error)) error {
	if err := distinct(key.file, out.File); err != nil {
		return err
	}
	if err := out.Check(nil); err != nil {
		return err
	}
	return key.use(cmd, func(private any) error {
		made, err := make(private)
		if err != nil {
			return fmt.Errorf("%s: %w", key.file, err)
		}
		if out.File == "" {
			return out.Write(cmd, made)
		}
		return writeAll([]outputFile{{out.File, made, 0o644}})
	})
}
