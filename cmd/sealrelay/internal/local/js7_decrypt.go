package local

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/js7"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/agent"
)

var js7DecryptOptions = []string{
	"key", "key-password", "key-password-file", "key-password-env",
	"in", "encrypted-key", "iv", "infile", "outfile",
}

const js7DecryptUse = `  --key=FILE               the private key to decrypt with
                           (default: the file in $ENCIPHERMENT_PRIVATE_KEY_PATH)
  --key-password-file=FILE the file with the private key's password, or
  --key-password-env=NAME  the environment variable with it, or
  --key-password=PASSWORD  the password, which other users of the machine can see
  --in="KEY IV VALUE"      the encrypted string, with or without enc:, or
  --in="KEY IV FILE" --outfile=FILE [--infile=FILE]
                           an encrypted file, or the parts one by one:
  --encrypted-key=KEY --iv=IV (--in=VALUE | --infile=FILE --outfile=FILE)
Prints the string and a newline.
Exit codes: 0 done; 1 an option is missing; 2 failed.
`

func js7Decrypt(cmd *cobra.Command, o js7Options) error {
	file := cmp.Or(o["key"], os.Getenv("ENCIPHERMENT_PRIVATE_KEY_PATH"))
	if file == "" {
		return missingOption{"give --key=FILE, the private key to decrypt with"}
	}
	sealed, err := o.sealed()
	if err != nil {
		return err
	}
	privates, err := o.privates(cmd, file)
	if err != nil {
		return err
	}
	if sealed.file != "" {
		return js7DecryptFile(cmd, privates, sealed, o["outfile"])
	}
	secret, err := agent.Open(privates, []byte(sealed.head+" "+sealed.value))
	if err != nil {
		return withHint(err)
	}
	defer secret.Wipe()
	err = secret.Expose(func(plaintext []byte) error { return (&cli.Output{}).Write(cmd, plaintext) })
	if err == nil {
		_, err = fmt.Fprintln(cmd.OutOrStdout())
	}
	return err
}

// js7Sealed is what to decrypt: a value or a file.
type js7Sealed struct{ head, value, file string }

// sealed takes what to decrypt out of the options. A fourth field behind a
// value is passed over, as in JS7's program; a file's name may have spaces.
func (o js7Options) sealed() (js7Sealed, error) {
	if o.has("encrypted-key") || o.has("iv") {
		return o.parts()
	}
	if !o.has("in") {
		return js7Sealed{}, missingOption{`give --in="KEY IV VALUE", or --encrypted-key, --iv and --in`}
	}
	fields := strings.SplitN(strings.TrimPrefix(o["in"], "enc:"), " ", 3)
	if len(fields) < 3 {
		return js7Sealed{}, fmt.Errorf("%w: --in has three fields with single spaces between them, key, initialization vector and value", crypto.ErrMalformed)
	}
	sealed := js7Sealed{head: fields[0] + " " + fields[1]}
	switch {
	case o["outfile"] == "":
		sealed.value, _, _ = strings.Cut(fields[2], " ")
	case o["infile"] != "":
		sealed.file = o["infile"]
	default:
		sealed.file = fields[2]
	}
	return sealed, nil
}

func (o js7Options) parts() (js7Sealed, error) {
	if o["encrypted-key"] == "" || o["iv"] == "" {
		return js7Sealed{}, missingOption{"give both --encrypted-key and --iv"}
	}
	sealed := js7Sealed{head: strings.TrimPrefix(o["encrypted-key"], "enc:") + " " + o["iv"]}
	switch {
	case o.has("in"):
		sealed.value = o["in"]
	case o["infile"] != "" && o["outfile"] != "":
		sealed.file = o["infile"]
	default:
		return js7Sealed{}, missingOption{"give --in=VALUE, or --infile=FILE and --outfile=FILE"}
	}
	return sealed, nil
}

func (o js7Options) privates(cmd *cobra.Command, file string) ([]any, error) {
	data, err := cli.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	defer clear(data)
	password, err := o.password()
	if err != nil {
		return nil, err
	}
	defer clear(password)
	privates, err := keys.ParsePrivates(data, keys.Options{Password: password, Plugin: pluginUI(cmd)})
	if errors.Is(err, keys.ErrPassword) && password == nil {
		return nil, missingOption{fmt.Sprintf("%s: %v; give --key-password-file", file, err)}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return privates, nil
}

func (o js7Options) password() ([]byte, error) {
	if o.has("key-password") {
		return []byte(o["key-password"]), nil
	}
	return (&passwordFlags{file: o["key-password-file"], variable: o["key-password-env"], fd: -1}).read()
}

// js7DecryptFile tries each key. What a key opened is in place only if it was
// the right one to the end.
func js7DecryptFile(cmd *cobra.Command, privates []any, sealed js7Sealed, outfile string) error {
	in, out := cli.InputFile("encrypted file", sealed.file), &cli.Output{File: outfile, Force: true}
	if err := out.Check(in); err != nil {
		return err
	}
	var failure error
	for _, private := range privates {
		identity, err := js7.NewIdentity(private)
		if err == nil {
			err = openJS7File(cmd, identity, sealed.head, in, out)
		}
		if err == nil || !errors.Is(err, crypto.ErrNoMatch) && !errors.Is(err, crypto.ErrUnsupportedKey) {
			return err
		}
		failure = err
	}
	return failure
}

func openJS7File(cmd *cobra.Command, identity *js7.Identity, head string, in *cli.Input, out *cli.Output) error {
	ciphertext, err := in.Open(cmd)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w; with --outfile the third field is a file's name: to decrypt a value, leave out --outfile", err)
	}
	if err != nil {
		return err
	}
	defer func() { _ = ciphertext.Close() }()
	return out.WriteBy(cmd, false, func(w io.Writer) error {
		return identity.OpenFile(head, cancellable(cmd.Context(), ciphertext), w)
	})
}
