package jwe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/strictjson"
)

const (
	// maxRecipients bounds the work of opening, which may try each of them.
	maxRecipients = 100
	// maxHeader bounds each header in its base64url or JSON text, in bytes.
	maxHeader = 16 << 10
)

// envelope is what both serializations hold. The headers are kept as they were
// written: the protected one is authenticated in that spelling.
type envelope struct {
	protected   []byte          // base64url
	unprotected json.RawMessage // nil if there is none
	aad         []byte          // base64url, nil if there is none
	iv          []byte
	ciphertext  []byte
	tag         []byte
	recipients  []addressee
}

// addressee is one recipient of an envelope.
type addressee struct {
	header       json.RawMessage // nil if there is none
	encryptedKey []byte
	// parameters are those of the three headers together.
	parameters parameters
}

// parse reads an envelope in either serialization, and refuses what is not in
// the closed list.
func parse(data []byte) (*envelope, error) {
	read := parseCompact
	if isJSON(data) {
		read = parseJSON
	}
	parsed, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("%w: JWE cannot be read: %w", crypto.ErrMalformed, err)
	}
	if err := parsed.readHeaders(); err != nil {
		return nil, err
	}
	if len(parsed.iv) != ivSize || len(parsed.tag) != tagSize {
		return nil, fmt.Errorf("%w: iv or tag has not the length that A256GCM asks for", crypto.ErrMalformed)
	}
	return parsed, nil
}

func isJSON(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{"))
}

// compact writes RFC 7516, section 7.1.
func (e *envelope) compact() ([]byte, error) {
	if len(e.recipients) > 1 {
		return nil, fmt.Errorf("%w: an envelope of %d recipients cannot be written compact; write it as json", crypto.ErrMalformed, len(e.recipients))
	}
	only := e.recipients[0]
	if only.header != nil || e.unprotected != nil || e.aad != nil {
		return nil, fmt.Errorf("%w: an envelope with an unprotected header or aad cannot be written compact; write it as json", crypto.ErrMalformed)
	}
	out := bytes.Clone(e.protected)
	for _, part := range [][]byte{only.encryptedKey, e.iv, e.ciphertext, e.tag} {
		out = base64.RawURLEncoding.AppendEncode(append(out, '.'), part)
	}
	return out, nil
}

// parseCompact allows one newline, LF or CRLF, at the end.
func parseCompact(data []byte) (*envelope, error) {
	if line, found := bytes.CutSuffix(data, []byte("\n")); found {
		data = bytes.TrimSuffix(line, []byte("\r"))
	}
	if bytes.Count(data, []byte(".")) != 4 {
		return nil, errNotFive
	}
	texts := bytes.Split(data, []byte("."))
	parts := make([][]byte, len(texts))
	for i, text := range texts {
		var err error
		if parts[i], err = strictjson.Decode(text); err != nil {
			return nil, err
		}
	}
	return &envelope{
		protected:  bytes.Clone(texts[0]),
		iv:         parts[2],
		ciphertext: parts[3],
		tag:        parts[4],
		recipients: []addressee{{encryptedKey: parts[1]}},
	}, nil
}

// detect looks at the header, or at the first member.
func detect(data []byte) bool {
	if isJSON(data) {
		return detectJSON(data)
	}
	text, _, found := bytes.Cut(data, []byte("."))
	if !found || len(text) > maxHeader {
		return false
	}
	decoded, err := strictjson.Decode(text)
	if err != nil {
		return false
	}
	header, err := strictjson.Parse(decoded)
	if err != nil {
		return false
	}
	_, encrypted := header["enc"] // A JWS has an alg too.
	return encrypted
}
