package local

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/internal/batch"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// sealBatch seals each line of JSON. Lines that cannot be sealed are named on
// standard error, and the rest is done; a file is there only if all were.
func sealBatch(cmd *cobra.Command, sealing *sealer, form *crypto.Form, in *cli.Input, out *cli.Output) error {
	lines, err := newLineSealer(sealing, form)
	if err != nil {
		return err
	}
	from, err := in.Open(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	// With so little that lives on, collections would come every few milliseconds
	// and take a tenth of the time; this makes them rarer, for some 15 MiB.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	shown := newProgress(cmd, from)
	defer shown.close()
	failed := 0
	job := batch.Job{
		Line: lines.seal,
		Failed: func(line int, err error) {
			failed++
			shown.printf("sealrelay: line %d: %v\n", line, err)
		},
		Done: shown.add,
	}
	return out.WriteBy(cmd, false, func(w io.Writer) error {
		err := job.Run(cmd.Context(), from, w)
		if err == nil && failed > 0 {
			err = fmt.Errorf("%d lines could not be sealed; they are named above", failed)
		}
		return err
	})
}

// lineSealer seals lines. It is safe for concurrent use.
type lineSealer struct {
	sealing *sealer
	form    *crypto.Form
	// between is what stands between the secret's name and the envelope.
	between []byte
}

func newLineSealer(sealing *sealer, form *crypto.Form) (*lineSealer, error) {
	ids, err := json.Marshal(sealing.keyIDs())
	if err != nil {
		return nil, err
	}
	return &lineSealer{sealing, form, fmt.Appendf(nil, `,"format":%q,"key_ids":%s,"envelope`, sealing.format.Name, ids)}, nil
}

// seal appends the line of output for one {"secret": NAME, "value": VALUE}.
func (s *lineSealer) seal(out, line []byte) ([]byte, error) {
	name, value, err := parseLine(line)
	if err != nil {
		return nil, err
	}
	defer value.Wipe()
	var envelope []byte
	err = value.Expose(func(plaintext []byte) (err error) {
		envelope, err = s.sealing.seal(plaintext)
		return err
	})
	if err == nil && s.form != nil {
		envelope, err = s.form.Write(envelope)
	}
	if err != nil {
		return nil, err
	}
	out = jsonscan.AppendQuoted(append(out, `{"secret":`...), []byte(name))
	out = append(out, s.between...)
	if cli.Printable(envelope) {
		return append(jsonscan.AppendQuoted(append(out, `":`...), envelope), '}'), nil
	}
	out = base64.StdEncoding.AppendEncode(append(out, `_base64":"`...), envelope)
	return append(out, `"}`...), nil
}

var (
	errLineMembers = errors.New(`it has members other than "secret" and "value" (or "value_base64")`)
	errLineSecret  = errors.New(`"secret", the secret's name, is missing or no string`)
	errLineValue   = errors.New(`give "value", a string, or "value_base64", and not both`)
)

// parseLine reads a line. No error repeats anything of it.
func parseLine(line []byte) (name string, value *secretbytes.Value, err error) {
	object, err := jsonscan.Parse(line)
	if err != nil {
		return "", nil, err
	}
	members := map[string]jsonscan.Value{}
	for member, content := range object.Members() {
		switch name := member.Text(); name {
		case "secret", "value", "value_base64":
			members[name] = content
		default:
			return "", nil, errLineMembers
		}
	}
	secret, text, encoded := members["secret"], members["value"], members["value_base64"]
	switch {
	case secret.Kind() != jsonscan.String || secret.Text() == "":
		return "", nil, errLineSecret
	case text.Kind() == jsonscan.String && encoded.Kind() == jsonscan.Missing:
		return secret.Text(), text.Secret(), nil
	case encoded.Kind() == jsonscan.String && text.Kind() == jsonscan.Missing:
		if value, err = encoded.SecretBase64(); err != nil {
			return "", nil, fmt.Errorf("value_base64 is %w", err)
		}
		return secret.Text(), value, nil
	}
	return "", nil, errLineValue
}
