package openpgp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealrelay/sealrelay/crypto"
)

// The packet types of an encrypted message (RFC 9580, sections 5 and 10.3).
const (
	tagPublicKeyEncrypted = 1
	tagPasswordEncrypted  = 3
	tagUnprotected        = 9
	tagProtected          = 18
	tagAEAD               = 20 // of LibrePGP
)

// maxKeyPackets bounds the recipients of a message, each of which costs an
// attempt if it is not named.
const maxKeyPackets = 1000

// message is an encrypted message, taken apart.
type message struct {
	keys     []*packet.EncryptedKey
	password bool // a password opens it, too
	// data is the packet with the encrypted data, its tag being dataTag.
	data    *packet.OpaquePacket
	dataTag uint8
}

// parseMessage reads session keys, then one packet of encrypted data, and
// nothing else. Errors are crypto.ErrMalformed.
func parseMessage(raw []byte) (*message, error) {
	var m message
	source := bytes.NewReader(raw)
	packets := packet.NewOpaqueReader(source)
	for count := 0; ; count++ {
		if indeterminate(raw[len(raw)-source.Len():]) {
			return nil, fmt.Errorf("%w: OpenPGP packet without a length", crypto.ErrMalformed)
		}
		p, err := packets.Next()
		switch {
		case errors.Is(err, io.EOF) && count > 0:
			return nil, fmt.Errorf("%w: OpenPGP message without data, or cut off", crypto.ErrMalformed)
		case err != nil:
			return nil, fmt.Errorf("%w: not an OpenPGP message, or cut off", crypto.ErrMalformed)
		case count > maxKeyPackets:
			return nil, fmt.Errorf("%w: OpenPGP message for more than %d recipients", crypto.ErrMalformed, maxKeyPackets)
		}
		switch p.Tag {
		case tagPublicKeyEncrypted:
			if err := m.addKey(p); err != nil {
				return nil, err
			}
		case tagPasswordEncrypted:
			m.password = true
		case tagProtected, tagAEAD, tagUnprotected:
			if source.Len() > 0 {
				return nil, fmt.Errorf("%w: something follows the OpenPGP message", crypto.ErrMalformed)
			}
			m.data, m.dataTag = p, p.Tag
			return &m, m.checkVersions()
		default:
			return nil, fmt.Errorf("%w: OpenPGP, but not an encrypted message", crypto.ErrMalformed)
		}
	}
}

// addressees has algorithm and key ID, or fingerprint, of each session key; and
// that a password opens the message, if one does.
func addressees(envelope []byte) ([]string, error) {
	_, m, err := read(envelope)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, key := range m.keys {
		out = append(out, fmt.Sprintf("%d %016x %x", key.Algo, key.KeyId, key.KeyFingerprint))
	}
	if m.password {
		out = append(out, "a password")
	}
	return out, nil
}

// indeterminate says whether a packet has no length (RFC 9580, section 4.2.2),
// so that nothing tells its end from a cut.
func indeterminate(raw []byte) bool { return len(raw) > 0 && raw[0]&0xc3 == 0x83 }

// addKey reads a session key, unless it is of a kind that is not known: then it
// is for someone else.
func (m *message) addKey(p *packet.OpaquePacket) error {
	parsed, err := p.Parse()
	if _, unknown := errors.AsType[pgperrors.UnsupportedError](err); unknown {
		return nil
	}
	key, ok := parsed.(*packet.EncryptedKey)
	if err != nil || !ok {
		return fmt.Errorf("%w: session key of the OpenPGP message is damaged", crypto.ErrMalformed)
	}
	if !key.Algo.CanEncrypt() {
		return nil
	}
	if !isStrict(key, p.Contents) {
		return fmt.Errorf("%w: session key of the OpenPGP message is not strictly encoded", crypto.ErrMalformed)
	}
	m.keys = append(m.keys, key)
	return nil
}

// isStrict says whether a session key is all that is in its packet, its number
// as short as it can be and its point marked; the library passes over all three. It also leaves out
// the octet that counts key version and fingerprint in version 6, when it writes
// them (RFC 9580, section 5.1.2).
func isStrict(key *packet.EncryptedKey, body []byte) bool {
	var buf bytes.Buffer
	if err := key.Serialize(&buf); err != nil {
		return false
	}
	again, err := packet.NewOpaqueReader(&buf).Next()
	if err != nil {
		return false
	}
	written := again.Contents
	head := 1 + 8 + 1 // version, key ID, algorithm
	if key.Version == 6 {
		if head = 2 + 1; key.KeyVersion != 0 {
			named := 1 + len(key.KeyFingerprint)
			written = slices.Concat(written[:1], []byte{byte(named)}, written[1:])
			head += named
		}
	}
	if !bytes.Equal(body, written) {
		return false
	}
	switch key.Algo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly:
		return isCanonical(body[head:])
	case packet.PubKeyAlgoECDH:
		return isCanonical(body[head:]) && isPoint(body[head+2])
	}
	return true
}

// isPoint says whether a point begins as uncompressed or native ones do (RFC
// 9580, section 11.2); the library passes over what a native one begins with.
func isPoint(first byte) bool { return first == 0x04 || first == 0x40 }

// isCanonical says whether a multiprecision integer has the length that its
// first octet gives it (RFC 9580, section 3.2).
func isCanonical(integer []byte) bool {
	if len(integer) < 3 {
		return false
	}
	size := int(binary.BigEndian.Uint16(integer))
	return integer[2] != 0 && (size-1)%8 == bits.Len8(integer[2])-1
}

// checkVersions keeps session keys of version 6 with data of version 2, and 3
// with 1, so that neither is opened as the other (RFC 9580, section 10.3.2.1).
func (m *message) checkVersions() error {
	want := 3
	if m.version2() {
		want = 6
	}
	for _, key := range m.keys {
		if key.Version != want {
			return fmt.Errorf("%w: session key and data of the OpenPGP message are of different versions", crypto.ErrMalformed)
		}
	}
	return nil
}

// version2 says whether the data is in version 2 of its packet.
func (m *message) version2() bool {
	return m.dataTag == tagProtected && len(m.data.Contents) > 0 && m.data.Contents[0] == 2
}

// isBinary says whether data begins with the packet of a session key, or with
// encrypted data.
func isBinary(data []byte) bool {
	if len(data) < 2 || data[0]&0x80 == 0 {
		return false
	}
	var tag byte
	version := 2 // where the packet's version is
	if data[0]&0x40 == 0 {
		tag = data[0] & 0x3f >> 2
		lengthType := data[0] & 3
		if lengthType == 3 {
			return false
		}
		version = 1 + 1<<lengthType
	} else {
		tag = data[0] & 0x3f
		switch {
		case data[1] == 255:
			version = 6
		case data[1] >= 192 && data[1] < 224:
			version = 3
		}
	}
	if len(data) <= version {
		return false
	}
	switch v := data[version]; tag {
	case tagPublicKeyEncrypted:
		return v == 3 || v == 6
	case tagPasswordEncrypted:
		return v == 4 || v == 6
	case tagProtected:
		return v == 1 || v == 2
	}
	return false
}
