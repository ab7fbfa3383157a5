package cms

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"

	"github.com/sealrelay/sealrelay/crypto"
)

// labels are those of RFC 7468, sections 8 and 9; the first is written.
var labels = []string{"CMS", "PKCS7"}

var errArmor = fmt.Errorf("%w: neither DER nor one PEM block CMS in lines of 64 characters; with openssl, make it with -outform PEM", crypto.ErrMalformed)

// read takes an envelope in any form to its DER and what is in it.
func read(data []byte) ([]byte, *envelope, error) {
	der, err := toDER(data)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := parse(der)
	if err != nil {
		return nil, nil, err
	}
	return der, parsed, nil
}

func toDER(data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte("-----")) {
		var err error
		if data, err = unarmor(data); err != nil {
			return nil, err
		}
	}
	if len(data) == 0 || data[0] != 0x30 {
		return nil, errArmor
	}
	if isIndefinite(data) {
		return fromBER(data)
	}
	return data, nil
}

func armor(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: labels[0], Bytes: der})
}

// unarmor takes what armor writes, under each label and with each line break.
// The decoder alone would pass text around the block and headers in it.
func unarmor(text []byte) ([]byte, error) {
	lines := text
	if bytes.Contains(lines, []byte("\r\n")) {
		lines = bytes.ReplaceAll(lines, []byte("\r\n"), []byte("\n"))
		if bytes.Count(lines, []byte("\n")) != bytes.Count(text, []byte("\r\n")) {
			return nil, errArmor
		}
	}
	block, _ := pem.Decode(lines)
	if block == nil || len(block.Headers) > 0 || !slices.Contains(labels, block.Type) {
		return nil, errArmor
	}
	again := pem.EncodeToMemory(block)
	if !bytes.Equal(bytes.TrimSuffix(again, []byte("\n")), bytes.TrimSuffix(lines, []byte("\n"))) {
		return nil, errArmor
	}
	return block.Bytes, nil
}

// typePrefixes are the content types that are read, in DER.
var typePrefixes = [][]byte{
	{0x06, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 23},
	{0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3},
}

// detect looks for the content type behind the head of the outermost sequence.
func detect(data []byte) bool {
	for _, label := range labels {
		if text, found := bytes.CutPrefix(data, []byte("-----BEGIN "+label+"-----")); found {
			line, _, _ := bytes.Cut(bytes.TrimLeft(text, "\r\n"), []byte("\n"))
			data, _ = base64.StdEncoding.AppendDecode(nil, line[:min(len(line), 64)])
		}
	}
	if len(data) < 2 || data[0] != 0x30 {
		return false
	}
	head := 2 // Tag and length; the latter may say how many bytes of length follow.
	if data[1] > 0x80 {
		head += int(data[1] & 0x7f)
	}
	return head < len(data) && slices.ContainsFunc(typePrefixes, func(prefix []byte) bool { return bytes.HasPrefix(data[head:], prefix) })
}
