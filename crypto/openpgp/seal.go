package openpgp

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealrelay/sealrelay/crypto"
)

// chunkSize is how much plaintext one AEAD tag is for, in bytes.
const chunkSize = 16 << 10

// protection is how the data of a message is encrypted.
type protection struct {
	// aead: version 2 of the data packet, otherwise version 1.
	aead  bool
	suite packet.CipherSuite
}

// protectionFor chooses the best that all keys announce (RFC 9580, sections
// 5.2.3.14, 5.2.3.15 and 5.2.3.32).
func protectionFor(chosen []pgp.Key) protection {
	all := func(announced func(preferences *packet.Signature) bool) bool {
		return !slices.ContainsFunc(chosen, func(key pgp.Key) bool { return !announced(key.PrimarySelfSignature) })
	}
	if all(func(p *packet.Signature) bool { return p.SEIPDv2 }) {
		for _, mode := range []packet.AEADMode{packet.AEADModeGCM, packet.AEADModeOCB} {
			suite := [2]uint8{uint8(packet.CipherAES256), uint8(mode)}
			if all(func(p *packet.Signature) bool { return slices.Contains(p.PreferredCipherSuites, suite) }) {
				return protection{true, packet.CipherSuite{Cipher: packet.CipherAES256, Mode: mode}}
			}
		}
		// What every implementation has; those of ML-KEM have AES-256 too.
		suite := packet.CipherSuite{Cipher: packet.CipherAES128, Mode: packet.AEADModeOCB}
		if chosen[0].PublicKey.IsPQ() {
			suite.Cipher = packet.CipherAES256
		}
		return protection{true, suite}
	}
	if chosen[0].PublicKey.IsPQ() || all(func(p *packet.Signature) bool {
		return slices.Contains(p.PreferredSymmetric, uint8(packet.CipherAES256))
	}) {
		return protection{false, packet.CipherSuite{Cipher: packet.CipherAES256}}
	}
	return protection{false, packet.CipherSuite{Cipher: packet.CipherAES128}}
}

// seal writes the message: the session key for each of the chosen keys, then
// the encrypted data.
func seal(plaintext []byte, chosen []pgp.Key) ([]byte, error) {
	if uint64(len(plaintext)) > math.MaxUint32-literalHead {
		return nil, fmt.Errorf("%w: an OpenPGP message of more than 4 GiB", crypto.ErrForbidden)
	}
	with := protectionFor(chosen)
	cipher := with.suite.Cipher
	sessionKey := make([]byte, cipher.KeySize())
	defer clear(sessionKey)
	_, _ = rand.Read(sessionKey) // crypto/rand.Read fails never.
	config := &packet.Config{AEADConfig: &packet.AEADConfig{ChunkSize: chunkSize}}
	var raw bytes.Buffer
	for _, key := range chosen {
		if err := packet.SerializeEncryptedKeyAEAD(&raw, key.PublicKey, cipher, with.aead, sessionKey, config); err != nil {
			return nil, fmt.Errorf("%w: openpgp cannot seal to key %s: %w", crypto.ErrForbidden, key.PublicKey.KeyIdString(), err)
		}
	}
	data, err := packet.SerializeSymmetricallyEncrypted(&raw, cipher, with.aead, with.suite, sessionKey, config)
	if err != nil {
		return nil, fmt.Errorf("seal with OpenPGP: %w", err)
	}
	if err := writeLiteral(data, plaintext); err != nil {
		return nil, fmt.Errorf("seal with OpenPGP: %w", err)
	}
	return writeArmor(raw.Bytes(), with.aead)
}

// literalHead is how long the body of a literal packet is without its data.
const literalHead = 6

// writeLiteral writes plaintext in a literal packet (RFC 9580, section 5.9) with
// a length of five octets, and closes w. The library's writer would do, but for
// the copies of plaintext that it leaves in memory.
func writeLiteral(w io.WriteCloser, plaintext []byte) error {
	const newFormat, literal = 0xc0, 11
	head := []byte{newFormat | literal, 255}
	head = binary.BigEndian.AppendUint32(head, uint32(literalHead+len(plaintext))) //nolint:gosec // seal has seen to it.
	head = append(head, 'b', 0, 0, 0, 0, 0)                                        // binary, no name, no time
	if _, err := w.Write(head); err != nil {
		return err
	}
	if _, err := w.Write(plaintext); err != nil {
		return err
	}
	return w.Close()
}
