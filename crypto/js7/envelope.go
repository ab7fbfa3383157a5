package js7

import (
	"bytes"
	"crypto/aes"
	"encoding/base64"
	"fmt"
)

// prefix tells JS7 that a value is encrypted.
const prefix = "enc:"

// header is what an envelope and the header of a file have in common.
type header struct{ wrapped, iv []byte }

type envelope struct {
	header
	ciphertext []byte
}

func (h header) append(dst []byte) []byte {
	dst = base64.StdEncoding.AppendEncode(dst, h.wrapped)
	return base64.StdEncoding.AppendEncode(append(dst, ' '), h.iv)
}

func (e envelope) append(dst []byte) []byte {
	return base64.StdEncoding.AppendEncode(append(e.header.append(dst), ' '), e.ciphertext)
}

func parseEnvelope(data []byte) (envelope, error) {
	if line, found := bytes.CutSuffix(data, []byte("\n")); found {
		data = bytes.TrimSuffix(line, []byte("\r"))
	}
	fields := bytes.Split(bytes.TrimPrefix(data, []byte(prefix)), []byte(" "))
	if len(fields) != 3 {
		return envelope{}, errNotFields
	}
	head, err := parseHeader(fields[0], fields[1])
	if err != nil {
		return envelope{}, err
	}
	ciphertext, err := decodeField(fields[2])
	if err != nil {
		return envelope{}, err
	}
	if len(ciphertext)%aes.BlockSize != 0 {
		return envelope{}, errNotFields
	}
	return envelope{head, ciphertext}, nil
}

// rewrite writes an envelope with this prefix, or without one.
func rewrite(prefix string) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) {
		parsed, err := parseEnvelope(data)
		if err != nil {
			return nil, err
		}
		return parsed.append([]byte(prefix)), nil
	}
}

// addressees has the length of the wrapped key, which is that of an RSA key's
// modulus or follows from the curve: an envelope says no more of whom it is for.
func addressees(data []byte) ([]string, error) {
	parsed, err := parseEnvelope(data)
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("%d bytes", len(parsed.wrapped))}, nil
}

// maxWrapped is the base64 of a key that is wrapped for RSA of 16384 bits, the
// longest there is.
const maxWrapped = 2732

// detect looks at the two fields before the value, which need not be whole.
func detect(data []byte) bool {
	wrapped, rest, found := bytes.Cut(bytes.TrimPrefix(data, []byte(prefix)), []byte(" "))
	if !found {
		return false
	}
	iv, _, found := bytes.Cut(rest, []byte(" "))
	if !found {
		return false
	}
	_, err := parseHeader(wrapped, iv)
	return err == nil
}

func parseHeader(wrapped, iv []byte) (header, error) {
	if len(wrapped) > maxWrapped {
		return header{}, errNotFields
	}
	var h header
	var err error
	if h.wrapped, err = decodeField(wrapped); err != nil {
		return header{}, err
	}
	if h.iv, err = decodeField(iv); err != nil {
		return header{}, err
	}
	if len(h.iv) != aes.BlockSize {
		return header{}, errNotFields
	}
	return h, nil
}

// decodeField takes the one canonical encoding only, so that no two texts are
// the same envelope: the decoder alone would pass line breaks.
func decodeField(text []byte) ([]byte, error) {
	data, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(data) == 0 || !bytes.Equal(base64.StdEncoding.AppendEncode(nil, data), text) {
		return nil, errNotFields
	}
	return data, nil
}
