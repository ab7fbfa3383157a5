package openpgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealrelay/sealrelay/crypto"
)

// maxDecompressed bounds what compressed data becomes, in bytes.
const maxDecompressed = 64 << 20

// decrypt returns the content of the data packet, all of it authentic; the
// caller wipes it. Errors are errDamaged, or crypto.ErrForbidden for what the
// packet says in the clear.
func (m *message) decrypt(cipher packet.CipherFunction, sessionKey []byte) ([]byte, error) {
	parsed, err := m.data.Parse()
	data, ok := parsed.(packet.EncryptedDataPacket)
	if err != nil || !ok {
		if _, unknown := errors.AsType[pgperrors.UnsupportedError](err); unknown {
			return nil, fmt.Errorf("%w: OpenPGP message whose data is of an unknown version or algorithm", crypto.ErrForbidden)
		}
		return nil, errDamaged
	}
	r, err := data.Decrypt(cipher, sessionKey)
	if err != nil {
		return nil, errDamaged
	}
	content, err := readAll(r, len(m.data.Contents))
	if err != nil {
		return nil, errDamaged
	}
	if err := r.Close(); err != nil { // Checks the MDC, or the last tag.
		clear(content)
		return nil, errDamaged
	}
	return content, nil
}

// literal returns a copy of the data in the one literal packet of content, which
// may be compressed once, signed and padded (RFC 9580, section 10.3).
func literal(content []byte) ([]byte, error) {
	packets := packet.NewCheckReader(bytes.NewReader(content))
	var plaintext []byte
	compressed := false
	for {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) && plaintext != nil {
			return plaintext, nil
		}
		if err == nil {
			switch p := p.(type) {
			case *packet.OnePassSignature, *packet.Signature, packet.Padding, *packet.Marker:
				continue
			case *packet.Compressed:
				if compressed {
					err = errors.New("compressed twice")
					break
				}
				compressed = true
				limit := int64(maxDecompressed)
				err = packets.Push(p.LimitedBodyReader(&limit))
			case *packet.LiteralData:
				plaintext, err = readAll(p.Body, len(content))
			default:
				err = errors.New("no packet of a message")
			}
		}
		if err != nil {
			clear(plaintext)
			if errors.Is(err, pgperrors.ErrMessageTooLarge) {
				return nil, fmt.Errorf("%w: OpenPGP message expands to more than %d MiB", crypto.ErrMalformed, maxDecompressed>>20)
			}
			return nil, fmt.Errorf("%w: what is encrypted in the OpenPGP message is not one message", crypto.ErrMalformed)
		}
	}
}

// readAll reads r to its end, beginning with room for size bytes. When it needs
// more, it wipes what it leaves behind; it returns nil on an error, never nil
// without one.
func readAll(r io.Reader, size int) ([]byte, error) {
	buf := make([]byte, 0, size+1)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			clear(buf)
			return nil, err
		}
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), 2*cap(buf))
			copy(grown, buf)
			clear(buf)
			buf = grown
		}
	}
}
