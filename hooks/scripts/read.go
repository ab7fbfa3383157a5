package scripts

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// readAll reads all of r, at most MaxInput bytes.
func readAll(r io.Reader, what string) (*hooks.Value, error) {
	value, err := secretbytes.ReadFrom(r, MaxInput)
	if errors.Is(err, secretbytes.ErrTooLarge) {
		return nil, malformed("%s has more than %d bytes", what, MaxInput)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return value, nil
}

// byteOrderMark is what Windows PowerShell puts before the text that it pipes,
// if it is told to write UTF-8 and not told how.
var byteOrderMark = []byte("\ufeff")

// trim takes from a text what shells put around it: a byte order mark, and
// white space.
func trim(text []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(text, byteOrderMark))
}

// withStdin calls use with all of standard input, trimmed, and wipes it.
func withStdin(in *Input, use func(text []byte) error) error {
	value, err := readAll(in.Stdin, "standard input")
	if err != nil {
		return err
	}
	defer value.Wipe()
	return value.Expose(func(all []byte) error {
		text := trim(all)
		if len(text) == 0 {
			return fmt.Errorf("%w: standard input is empty", hooks.ErrNoValue)
		}
		return use(text)
	})
}

// strictBase64 refuses unused bits that are not zero, so that no two texts
// decode to the same bytes.
var strictBase64 = base64.StdEncoding.Strict()

// withBase64 calls use with the bytes that text says in padded base64
// (RFC 4648, section 4), and wipes them.
func withBase64(text []byte, what string, use func(decoded []byte) error) error {
	decoded := make([]byte, strictBase64.DecodedLen(len(text)))
	defer clear(decoded)
	n, err := strictBase64.Decode(decoded, text)
	// The decoder skips line breaks.
	if err != nil || strictBase64.EncodedLen(n) != len(text) {
		return malformed("%s is not one line of padded base64", what)
	}
	return use(decoded[:n])
}

// textOf is a value as text, for what is not secret.
func textOf(value *hooks.Value) string {
	var text string
	_ = value.Expose(func(plaintext []byte) error {
		text = string(plaintext)
		return nil
	})
	return text
}

// lineReader reads up to the end of a line, which it takes from the stream and
// does not give, and not a byte further: what follows is the answer to a prompt
// that was not shown yet.
type lineReader struct {
	from io.Reader
	done bool
}

// Read implements io.Reader.
func (r *lineReader) Read(into []byte) (int, error) {
	if r.done {
		return 0, io.EOF
	}
	n, err := r.from.Read(into[:min(1, len(into))])
	if n == 1 && into[0] == '\n' {
		r.done = true
		return 0, io.EOF
	}
	return n, err
}

// readLine reads a line without its end, LF or CRLF.
func readLine(from io.Reader, what string) (*hooks.Value, error) {
	line, err := readAll(&lineReader{from: from}, what)
	if err != nil {
		return nil, err
	}
	defer line.Wipe()
	return trimmed(line, func(text []byte) []byte { return bytes.TrimSuffix(text, []byte("\r")) }), nil
}

// trimmed is a new Value of what cut leaves of a value.
func trimmed(value *hooks.Value, cut func([]byte) []byte) *hooks.Value {
	var left *hooks.Value
	_ = value.Expose(func(plaintext []byte) error {
		left = secretbytes.Copy(cut(plaintext))
		return nil
	})
	return left
}
