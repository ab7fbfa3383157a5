package local

import (
	"encoding/base64"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/internal/durable"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func newEncrypt(agentKey AgentKey) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "encrypt",
		Short: "Seal a secret",
		Long: `Seal the secret on standard input and print the envelope.

The recipient's key may be of any kind: a certificate, a public key (PEM, DER,
JWK, SSH, age, OpenPGP), or a PKCS#12 or JKS keystore. The envelope's format
follows from it unless --format says otherwise. Several recipients get one
envelope that each of them opens, if the format allows that.

The secret is sealed as it comes: a newline at its end is part of it. An
envelope of one line of text (js7, jwe) is printed with a newline after it,
which is not part of it.`,
		Example: `  printf %s "$PASSWORD" | sealrelay encrypt --cert agent.crt
  sealrelay encrypt -r age1... -r age1... --infile secret.txt --outfile secret.age
  sealrelay encrypt --cert agent.crt --format cms --infile secret.txt
  sealrelay encrypt --cert web1.crt --context web1/prod/db/3 --signing-key service.key --outfile db.js7`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	to := addRecipientFlags(cmd, agentKey)
	form := addFormFlags(cmd)
	bound := addContextFlags(cmd)
	in := cli.AddInputFlags(cmd, "secret", true)
	out := cli.AddOutputFlags(cmd, "outfile", "envelope")
	asJSON := cli.JSONFlag(cmd)
	many := cmd.Flags().Bool("batch", false, "seal many: each line of the input is {\"secret\": NAME, \"value\": VALUE}, each line of the output its envelope, in JSON")
	stream := cmd.Flags().Bool("stream", false, "seal in chunks, in little memory, what may be larger than 64 MiB (age)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		sealing, err := to.resolve(cmd)
		if err != nil {
			return err
		}
		written, err := form.of(sealing.format)
		if err != nil {
			return err
		}
		if err := out.Check(in); err != nil {
			return err
		}
		switch {
		case (*stream || *many) && (bound.context != "" || *asJSON || in.IsText() || *stream && *many):
			return cli.UsageErrorf("--stream and --batch go with none of --context, --json, --in and each other")
		case *stream:
			return sealStream(cmd, sealing, written, in, out)
		case *many:
			return sealBatch(cmd, sealing, written, in, out)
		}
		bind, err := bound.binder(sealing)
		if err != nil {
			return err
		}
		return (&encrypter{sealing, written, bind, bound.statementFile(out), *asJSON}).run(cmd, in, out)
	}
	return cmd
}

// encrypter seals one value.
type encrypter struct {
	sealing *sealer
	form    *crypto.Form
	bind    *binder
	// statement is the file for the statement; empty for none.
	statement string
	asJSON    bool
}

func (f *contextFlags) statementFile(out *cli.Output) string {
	if f.file == "" && out.File != "" && f.context != "" {
		return out.File + ".jws"
	}
	return f.file
}

func (e *encrypter) run(cmd *cobra.Command, in *cli.Input, out *cli.Output) error {
	switch {
	case e.bind == nil && e.statement != "":
		return cli.UsageErrorf("--statement needs --context and --signing-key")
	case e.bind != nil && e.statement == "" && !e.asJSON:
		return cli.UsageErrorf("nowhere to write the statement; give --outfile, --statement or --json")
	}
	if e.statement != "" {
		if err := (&cli.Output{File: e.statement, Force: out.Force}).Check(in); err != nil {
			return err
		}
	}
	envelope, err := e.sealInput(cmd, in)
	if err != nil {
		return err
	}
	var signed string
	if e.bind != nil {
		if signed, err = e.bind.sign(envelope); err != nil {
			return err
		}
	}
	return e.write(cmd, out, envelope, signed)
}

func (e *encrypter) sealInput(cmd *cobra.Command, in *cli.Input) ([]byte, error) {
	value, err := in.Read(cmd)
	if err != nil {
		return nil, err
	}
	defer value.Wipe()
	var envelope []byte
	err = value.Expose(func(plaintext []byte) error {
		envelope, err = e.sealing.seal(plaintext)
		return err
	})
	value.Wipe()
	secretbytes.Forget()
	if err == nil && e.form != nil {
		envelope, err = e.form.Write(envelope)
	}
	return envelope, err
}

// write writes the statement first: an envelope without it would be refused by
// whoever looks in between, and a statement alone is of no use to anybody.
func (e *encrypter) write(cmd *cobra.Command, out *cli.Output, envelope []byte, signed string) error {
	if e.statement != "" {
		if err := durable.WritePath(e.statement, []byte(signed+"\n"), durable.Options{Mode: 0o644}); err != nil {
			return err
		}
	}
	err := e.writeEnvelope(cmd, out, envelope, signed)
	if err != nil && e.statement != "" {
		err = errors.Join(err, os.Remove(e.statement))
	}
	return err
}

func (e *encrypter) writeEnvelope(cmd *cobra.Command, out *cli.Output, envelope []byte, signed string) error {
	if e.asJSON && out.File == "" {
		return cli.PrintJSON(cmd, sealedJSON(e.sealing, envelope, signed))
	}
	if out.File == "" && isLine(envelope) {
		envelope = append(envelope, '\n')
	}
	if err := out.Write(cmd, envelope); err != nil {
		return err
	}
	if !e.asJSON {
		return nil
	}
	answer := sealedJSON(e.sealing, nil, signed)
	answer.File = out.File
	return cli.PrintJSON(cmd, answer)
}

// sealed is an envelope as JSON.
type sealed struct {
	Format string   `json:"format"`
	KeyIDs []string `json:"key_ids"`
	// Envelope is the envelope as it is if it is text.
	Envelope string `json:"envelope,omitempty"`
	// EnvelopeBase64 is the envelope if it is not.
	EnvelopeBase64 string `json:"envelope_base64,omitempty"`
	File           string `json:"file,omitempty"`
	Statement      string `json:"statement,omitempty"`
}

func sealedJSON(sealing *sealer, envelope []byte, signed string) sealed {
	out := sealed{Format: sealing.format.Name, KeyIDs: sealing.keyIDs(), Statement: signed}
	if cli.Printable(envelope) {
		out.Envelope = string(envelope)
	} else {
		out.EnvelopeBase64 = base64.StdEncoding.EncodeToString(envelope)
	}
	return out
}

// isLine says whether the envelope is text that does not end its last line.
func isLine(envelope []byte) bool {
	return cli.Printable(envelope) && len(envelope) > 0 && envelope[len(envelope)-1] != '\n'
}

// sealStream seals in chunks; the value is in this process for no longer than
// one of them.
func sealStream(cmd *cobra.Command, sealing *sealer, form *crypto.Form, in *cli.Input, out *cli.Output) error {
	if sealing.format.Stream == nil {
		return cli.UsageErrorf("format %s seals nothing in chunks; of the formats, age does", sealing.format.Name)
	}
	if form != nil && form.Name != sealing.format.Forms[0].Name {
		return cli.UsageErrorf("--stream writes the form %q only", sealing.format.Forms[0].Name)
	}
	from, err := in.Open(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	return out.WriteBy(cmd, true, func(w io.Writer) error {
		plaintext, err := sealing.format.Stream.Seal(w, sealing.recipients...)
		if err != nil {
			return err
		}
		if err := copyWiped(cmd.Context(), plaintext, cancellable(cmd.Context(), from)); err != nil {
			return err
		}
		return plaintext.Close()
	})
}
