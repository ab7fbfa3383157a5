package age

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/sealrelay/sealrelay/crypto"
)

var errArmor = fmt.Errorf("%w: age armor cannot be read", crypto.ErrMalformed)

func isArmorError(err error) bool {
	_, ok := errors.AsType[*armor.Error](err)
	return ok
}

// maxWhitespace is how much of it the library passes over before armor.
const maxWhitespace = 1024

// dearmored returns the raw form of what src holds in either form. The armor is
// strict in all but white space around it and CRLF, which its specification
// lets pass; writeArmor writes neither.
func dearmored(src io.Reader) io.Reader {
	buffered := bufio.NewReaderSize(src, maxWhitespace+len(armor.Header))
	start, _ := buffered.Peek(len(intro)) // An error comes again at the first Read.
	if string(start) == intro {
		return buffered
	}
	start, _ = buffered.Peek(maxWhitespace + len(armor.Header))
	if isArmored(start) {
		return armor.NewReader(buffered)
	}
	return buffered
}

func isArmored(start []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(start[:min(len(start), maxWhitespace+len(armor.Header))], " \t\r\n"), []byte(armor.Header))
}

// writeRaw is the way to the raw form. Only the header is looked at: what is
// behind it shows to the key alone.
func writeRaw(envelope []byte) ([]byte, error) {
	raw, err := io.ReadAll(dearmored(bytes.NewReader(envelope)))
	if err != nil {
		return nil, errArmor
	}
	if _, err := age.ExtractHeader(bytes.NewReader(raw)); err != nil {
		return nil, fmt.Errorf("%w: age header cannot be read", crypto.ErrMalformed)
	}
	return raw, nil
}

func writeArmor(envelope []byte) ([]byte, error) {
	raw, err := writeRaw(envelope)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	w := armor.NewWriter(&text)
	if _, err := w.Write(raw); err != nil {
		return nil, fmt.Errorf("write age armor: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write age armor: %w", err)
	}
	return text.Bytes(), nil
}
