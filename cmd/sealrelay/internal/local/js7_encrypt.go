package local

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/js7"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/durable"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

var js7EncryptOptions = []string{"cert", "in", "infile", "outfile", "check-expiration"}

const js7EncryptUse = `  --cert=FILE          the certificate or public key to encrypt with
                       (default: the PEM text or file in $ENCIPHERMENT_CERTIFICATE)
  --in=STRING          the string to encrypt, or
  --infile=FILE        the file to encrypt, and
  --outfile=FILE       the file for the result
  --check-expiration   refuse a certificate that has expired or is not valid yet
Prints encrypted key, initialization vector, and encrypted value or outfile, with
a space between them. Other users of the machine can see --in; with
"sealrelay encrypt" the secret comes from standard input.
Exit codes: 0 done; 1 an option is missing; 2 failed.
`

func js7Encrypt(cmd *cobra.Command, o js7Options) error {
	recipient, err := o.recipient()
	if err != nil {
		return err
	}
	if o.has("in") {
		return js7EncryptValue(cmd, recipient, o["in"])
	}
	if o["infile"] == "" || o["outfile"] == "" {
		return missingOption{"give --in=STRING, or --infile=FILE and --outfile=FILE; `sealrelay encrypt` reads standard input"}
	}
	head, err := js7EncryptFile(cmd, recipient, o["infile"], o["outfile"])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", head, o["outfile"])
	return err
}

// recipient is that of --cert, or of the variable that a JS7 job resource sets.
func (o js7Options) recipient() (*js7.Recipient, error) {
	data, where, err := o.certificate()
	if err != nil {
		return nil, err
	}
	public, err := keys.ParsePublic(data)
	if err == nil && o.has("check-expiration") {
		err = checkExpiration(public, time.Now())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	recipient, err := js7.NewRecipient(public.Key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	return recipient, nil
}

func (o js7Options) certificate() (data []byte, where string, err error) {
	const variable = "ENCIPHERMENT_CERTIFICATE"
	where = cmp.Or(o["cert"], os.Getenv(variable))
	switch {
	case where == "":
		return nil, "", missingOption{"give --cert=FILE, the certificate or public key to encrypt with"}
	case strings.Contains(where, "-----BEGIN "):
		return []byte(where), variable, nil
	}
	if data, err = cli.ReadFile(where); err != nil {
		return nil, "", fmt.Errorf("read certificate: %w", err)
	}
	return data, where, nil
}

func checkExpiration(public *keys.Public, now time.Time) error {
	if public.NotAfter.IsZero() || !now.After(public.NotAfter) && !now.Before(public.NotBefore) {
		return nil
	}
	return fmt.Errorf("the certificate is valid from %s to %s only; renew it", public.NotBefore.Format(time.DateOnly), public.NotAfter.Format(time.DateOnly))
}

// js7EncryptValue prints the envelope without "enc:", as JS7's program does.
func js7EncryptValue(cmd *cobra.Command, recipient *js7.Recipient, text string) error {
	value := secretbytes.New([]byte(text))
	defer value.Wipe()
	var envelope []byte
	err := value.Expose(func(plaintext []byte) (err error) {
		envelope, err = recipient.Seal(plaintext)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", strings.TrimPrefix(string(envelope), "enc:"))
	return err
}

func js7EncryptFile(cmd *cobra.Command, recipient *js7.Recipient, from, to string) (head string, err error) {
	in, out := cli.InputFile("secret", from), &cli.Output{File: to, Force: true}
	if err := out.Check(in); err != nil {
		return "", err
	}
	plain, err := in.Open(cmd)
	if err != nil {
		return "", err
	}
	defer func() { _ = plain.Close() }()
	err = durable.WritePathBy(out.File, durable.Options{Mode: 0o644}, func(w io.Writer) (err error) {
		head, err = recipient.SealFile(cancellable(cmd.Context(), plain), w)
		return err
	})
	return head, err
}
