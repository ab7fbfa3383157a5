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
)

// hookSecretKind makes a Standard Webhooks secret, which is no key pair.
const hookSecretKind = "hook-secret"

// anonymous is the common name of a certificate that names nobody.
const anonymous = "sealrelay agent"

func newKeysGenerate() *cobra.Command {
	kinds := append(append([]string{}, keys.Kinds...), hookSecretKind)
	cmd := &cobra.Command{
		Use:   "generate KIND",
		Short: "Make a key pair, or a secret for signing hooks",
		Long: `Make a key pair: the private key goes to --out, readable by its owner only, the
public one to standard output, or to --pub. With --cert a self-signed
certificate is made too, for tools that take certificates only.

The private key is PKCS#8 in PEM, an age identity, or an armored OpenPGP key.
With --pkcs12 it is a keystore with the self-signed certificate. A password, given
by one of --password-file, --password-env and --password-fd or asked for because
of --encrypt, encrypts it; a keystore must have one.

KIND is one of the following.
  rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384, ec-p521
  ec-secp256k1    the curve of JS7's own documentation
  x25519
  ed25519         the service's signing key, which is not sealed to
  ed25519-x25519  one file with a signing key and one that is sealed to
  age, age-pq     an age identity; age-pq withstands quantum computers
  openpgp         OpenPGP version 4, for gpg; --name is its user ID
  openpgp-v6      OpenPGP version 6 (RFC 9580)
  hook-secret     the secret that a source and its password manager share
                  (whsec_...); it has no public half`,
		Example: `  sealrelay keys generate ed25519 --out service.key --pub service.pub
  sealrelay keys generate rsa-3072 --out agent.key --cert agent.crt --name agent1
  sealrelay keys generate ec-p384 --pkcs12 --out agent.p12 --alias agent --password-file password.txt
  sealrelay keys generate openpgp --name "Agent 1 <agent1@example.org>" --encrypt --out agent.asc
  sealrelay keys generate age --out agent.age
  sealrelay keys generate hook-secret --out hook.secret`,
		Args:      cli.Arguments(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: kinds,
	}
	g := &keyGenerator{out: cli.AddOutputFlags(cmd, "out", "private key")}
	cmd.Flags().StringVar(&g.public, "pub", "", "write the public key to this `file`")
	cmd.Flags().StringVar(&g.certificate, "cert", "", "write a self-signed certificate to this `file`")
	cmd.Flags().BoolVar(&g.pkcs12, "pkcs12", false, "write the private key as a PKCS#12 keystore with the certificate")
	cmd.Flags().StringVar(&g.alias, "alias", "", "the `alias` (friendly name) of the key in the keystore (default: sealrelay)")
	cmd.Flags().BoolVar(&g.encrypt, "encrypt", false, "encrypt the private key with a password, which is asked for unless it is given")
	g.subject = addSubjectFlags(cmd)
	g.days = daysFlag(cmd, "the validity of the certificate, or if it is given of an OpenPGP key, which has no end otherwise,")
	g.password = addPasswordFlags(cmd, "password", "the new private key")
	g.asJSON = cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return g.run(cmd, args[0]) }
	return cmd
}

// keyGenerator makes a key pair as its flags say.
type keyGenerator struct {
	out                 *cli.Output
	public, certificate string
	pkcs12, encrypt     bool
	alias               string
	subject             *subjectFlags
	days                *int
	password            *passwordFlags
	asJSON              *bool
}

func (g *keyGenerator) run(cmd *cobra.Command, kind string) error {
	if err := g.check(); err != nil {
		return err
	}
	template, err := g.subject.template(anonymous)
	if err != nil {
		return err
	}
	if g.encrypt && strings.HasPrefix(kind, "age") {
		return cli.UsageErrorf("an age identity has no password; leave out --encrypt")
	}
	if kind == hookSecretKind {
		made, err := g.hookSecret()
		if err != nil {
			return err
		}
		defer clear(made.private)
		return g.write(cmd, made)
	}
	password, err := g.password.readNew(cmd, g.out.File, g.encrypt || g.pkcs12)
	if err != nil {
		return err
	}
	defer clear(password)
	made, err := g.make(cmd, kind, template, password)
	if err != nil {
		return err
	}
	defer clear(made.private)
	return g.write(cmd, made)
}

// check refuses flags that do not go together and files that are there.
func (g *keyGenerator) check() error {
	switch {
	case g.out.File == "":
		return cli.UsageErrorf("give --out FILE for the private key")
	case g.alias != "" && !g.pkcs12:
		return cli.UsageErrorf("--alias is for --pkcs12, no other file has one")
	}
	if err := errors.Join(checkDays(*g.days), distinct(g.out.File, g.public, g.certificate)); err != nil {
		return err
	}
	for _, file := range []string{g.out.File, g.public, g.certificate} {
		if err := (&cli.Output{File: file, Force: g.out.Force}).Check(nil); err != nil {
			return err
		}
	}
	return nil
}

// generated is a new key pair.
type generated struct {
	private     []byte
	public      string
	certificate []byte
	ids         []string
}

func (g *keyGenerator) make(cmd *cobra.Command, kind string, template keys.Template, password []byte) (*generated, error) {
	if strings.HasPrefix(kind, "openpgp") && (g.subject.subject != "" || g.subject.names != nil) {
		return nil, cli.UsageErrorf("an OpenPGP key has a user ID and no other names; give it with --name")
	}
	options := keys.NewOptions{Password: password, UserID: g.subject.name}
	if cmd.Flags().Changed("days") {
		options.Validity = time.Duration(*g.days) * 24 * time.Hour
	}
	if g.pkcs12 {
		options.Password = nil // The keystore has it.
	}
	pair, err := keys.New(kind, options)
	if err != nil {
		return nil, err
	}
	made := &generated{private: pair.Private, public: pair.Public}
	if made.ids, err = keyIDs(pair.Keys); err != nil {
		return nil, err
	}
	if g.certificate != "" || g.pkcs12 {
		if made.certificate, err = valid(template, *g.days).Certificate(pair.Keys[0]); err != nil {
			return nil, err
		}
	}
	if g.pkcs12 {
		clear(made.private)
		alias := g.alias
		if alias == "" {
			alias = "sealrelay"
		}
		made.private, err = keys.MarshalPKCS12(pair.Keys[0], made.certificate, alias, password)
	}
	return made, err
}

func keyIDs(privates []any) ([]string, error) {
	var ids []string
	for _, private := range privates {
		public, err := keys.PublicOf(private)
		if err != nil {
			return nil, err
		}
		id, err := keys.ID(public)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (g *keyGenerator) hookSecret() (*generated, error) {
	if g.public != "" || g.certificate != "" || g.pkcs12 || g.encrypt || g.password.given() {
		return nil, cli.UsageErrorf("a hook secret has no public half, certificate or password; give --out only")
	}
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

// generatedView is what is told of a new key pair.
type generatedView struct {
	PrivateKeyFile  string `json:"private_key_file"`
	PublicKeyFile   string `json:"public_key_file,omitempty"`
	CertificateFile string `json:"certificate_file,omitempty"`
	PublicKey       string `json:"public_key,omitempty"`
	KeyID           string `json:"key_id,omitempty"`
	// SealedKeyID is the ID of the second of two keys, which is sealed to.
	SealedKeyID string `json:"sealed_key_id,omitempty"`
}

// write writes the private key last, so that no public key is without one, and
// leaves nothing if one of the files cannot be written.
func (g *keyGenerator) write(cmd *cobra.Command, made *generated) error {
	var files []outputFile
	if g.certificate != "" {
		files = append(files, outputFile{g.certificate, made.certificate, 0o644})
	}
	if g.public != "" {
		files = append(files, outputFile{g.public, []byte(made.public), 0o644})
	}
	if err := writeAll(append(files, outputFile{g.out.File, made.private, 0o600})); err != nil {
		return err
	}
	if *g.asJSON {
		view := generatedView{PrivateKeyFile: g.out.File, PublicKeyFile: g.public, CertificateFile: g.certificate, PublicKey: made.public}
		if len(made.ids) > 0 {
			view.KeyID = made.ids[0]
		}
		if len(made.ids) > 1 {
			view.SealedKeyID = made.ids[1]
		}
		return cli.PrintJSON(cmd, view)
	}
	if g.public == "" {
		fmt.Fprint(cmd.OutOrStdout(), made.public)
	}
	return nil
}
