package local

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// asJSONValue replaces a secret by what JSON says of it, in the members that a
// batch takes: value for text, value_base64 for what is no UTF-8.
func asJSONValue(envelope []byte, secret *secretbytes.Value) (text *secretbytes.Value, err error) {
	defer secret.Wipe()
	format, _ := formats.Detect(envelope) // It has just been opened.
	err = secret.Expose(func(plaintext []byte) (err error) {
		text, err = secretbytes.Produce(func() ([]byte, error) { return openedJSON(format.Name, plaintext), nil })
		return err
	})
	return text, err
}

// openedJSON makes room for the whole at once, so that no copy is left behind.
func openedJSON(format string, plaintext []byte) []byte {
	if utf8.Valid(plaintext) {
		head := `{"format":"` + format + `","value":`
		out := make([]byte, 0, len(head)+jsonscan.QuotedLen(plaintext)+len("}\n"))
		return append(jsonscan.AppendQuoted(append(out, head...), plaintext), "}\n"...)
	}
	head := `{"format":"` + format + `","value_base64":"`
	out := make([]byte, 0, len(head)+base64.StdEncoding.EncodedLen(len(plaintext))+len("\"}\n"))
	return append(base64.StdEncoding.AppendEncode(append(out, head...), plaintext), "\"}\n"...)
}
