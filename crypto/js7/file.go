package js7

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/cbc"
)

// In file mode the tool encrypts block by block and encodes each block by
// itself, so a file is a run of blockText characters per block, without
// anything between or behind them.
const (
	blockText = 24
	chunk     = 256 // blocks that are worked on at a time
)

var errFile = fmt.Errorf("%w: a js7 file is whole runs of 24 characters of base64, without line breaks", crypto.ErrMalformed)

// SealFile seals what src holds to dst, in constant memory, and returns the
// header that opening needs: the fields W and IV of the package's comment.
// JS7's own tool wants a space and the file's name behind it. After an error
// what is in dst is of no use.
func (r *Recipient) SealFile(src io.Reader, dst io.Writer) (string, error) {
	key, head, err := r.newKey()
	if err != nil {
		return "", err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	mode := cipher.NewCBCEncrypter(block, head.iv)
	buf := make([]byte, chunk*aes.BlockSize, (chunk+1)*aes.BlockSize)
	defer clear(buf)
	text := make([]byte, 0, (chunk+1)*blockText)
	for last := false; !last; {
		n, err := io.ReadFull(src, buf)
		if last = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); err != nil && !last {
			return "", err
		}
		blocks := buf[:n]
		if last {
			blocks = cbc.Pad(blocks)
		}
		mode.CryptBlocks(blocks, blocks)
		text = text[:0]
		for ; len(blocks) > 0; blocks = blocks[aes.BlockSize:] {
			text = base64.StdEncoding.AppendEncode(text, blocks[:aes.BlockSize])
		}
		if _, err := dst.Write(text); err != nil {
			return "", err
		}
	}
	return string(head.append(nil)), nil
}

// AsFile is a sealed value in file mode, without opening it: what JS7's own tool reads as
// a file, with the first two fields of the value as its header. The errors are those of a
// damaged envelope. A value larger than a command line takes can be read in no other way.
func AsFile(envelope []byte) ([]byte, error) {
	parsed, err := parseEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	text := make([]byte, 0, len(parsed.ciphertext)/aes.BlockSize*blockText)
	for rest := parsed.ciphertext; len(rest) > 0; rest = rest[aes.BlockSize:] {
		text = base64.StdEncoding.AppendEncode(text, rest[:aes.BlockSize])
	}
	return text, nil
}

// OpenFile opens src, sealed with header, to dst, in constant memory. header
// may have "enc:" before and a file name, which is not used, behind its two
// fields. The classes of errors are those of Open. What is written is not yet
// checked: after an error discard what is in dst.
func (i *Identity) OpenFile(header string, src io.Reader, dst io.Writer) error {
	fields := bytes.SplitN(bytes.TrimPrefix([]byte(header), []byte(prefix)), []byte(" "), 3)
	if len(fields) < 2 {
		return errNotFields
	}
	head, err := parseHeader(fields[0], fields[1])
	if err != nil {
		return err
	}
	key, genuine, err := i.unwrap(head.wrapped)
	if err != nil {
		return err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	last, err := decryptFile(cipher.NewCBCDecrypter(block, head.iv), src, dst)
	if err != nil {
		return err
	}
	defer clear(last)
	n, padded := cbc.Unpad(last)
	if !genuine || !padded {
		return i.failure
	}
	_, err = dst.Write(last[:n])
	return err
}

// decryptFile writes all blocks but the last one, which it returns.
func decryptFile(mode cipher.BlockMode, src io.Reader, dst io.Writer) (last []byte, err error) {
	text := make([]byte, chunk*blockText)
	// The first block of buf is the one that the chunk before held back.
	buf := make([]byte, 0, (chunk+1)*aes.BlockSize)
	defer func() { clear(buf[:cap(buf)]) }()
	for {
		n, err := io.ReadFull(src, text)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return nil, err
		}
		held := len(buf)
		if buf, err = decodeBlocks(buf, text[:n]); err != nil {
			return nil, err
		}
		mode.CryptBlocks(buf[held:], buf[held:])
		if end && len(buf) == 0 {
			return nil, errFile
		}
		ready := len(buf) - aes.BlockSize
		if _, err := dst.Write(buf[:ready]); err != nil {
			return nil, err
		}
		buf = append(buf[:0], buf[ready:]...)
		if end {
			return bytes.Clone(buf), nil
		}
	}
}

// decodeBlocks appends the blocks that text holds, each in its one encoding: of
// 24 characters with a line break among them fewer than 16 bytes are left.
func decodeBlocks(dst, text []byte) ([]byte, error) {
	if len(text)%blockText != 0 {
		return dst, errFile
	}
	var block [blockText / 4 * 3]byte
	for ; len(text) > 0; text = text[blockText:] {
		n, err := base64.StdEncoding.Strict().Decode(block[:], text[:blockText])
		if err != nil || n != aes.BlockSize {
			return dst, errFile
		}
		dst = append(dst, block[:n]...)
	}
	return dst, nil
}
