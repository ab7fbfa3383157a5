package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

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
	from, err := in.Open(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	shown := newProgress(cmd, from)
	defer shown.close()
	failed := 0
	job := batch.Job{
		Line: func(line []byte) ([]byte, error) { return sealLine(sealing, form, line) },
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

// sealLine seals one {"secret": NAME, "value": VALUE}.
func sealLine(sealing *sealer, form *crypto.Form, line []byte) ([]byte, error) {
	name, value, err := parseLine(line)
	if err != nil {
		return nil, err
	}
	defer value.Wipe()
	var envelope []byte
	err = value.Expose(func(plaintext []byte) (err error) {
		envelope, err = sealing.seal(plaintext)
		return err
	})
	if err == nil && form != nil {
		envelope, err = form.Write(envelope)
	}
	if err != nil {
		return nil, err
	}
	made := sealedJSON(sealing, envelope, "")
	made.Secret = name
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(made)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
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
