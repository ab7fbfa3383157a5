package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // To be refused.
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // The hash of the MDC.
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"slices"

	"github.com/ProtonMail/go-crypto/ocb"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"golang.org/x/crypto/cast5" //nolint:staticcheck // To be refused.
)

// The types of packets (RFC 9580, section 5), symmetric ciphers (9.3), modes
// (9.6) and algorithms of keys (9.1).
const (
	packetPKESK      = 1
	packetSKESK      = 3
	packetCompressed = 8
	packetSED        = 9
	packetMarker     = 10
	packetLiteral    = 11
	packetSEIPD      = 18
	packetAEAD       = 20
	packetPadding    = 21

	cipher3DES     = 2
	cipherCAST5    = 3
	cipherAES128   = 7
	cipherAES192   = 8
	cipherAES256   = 9
	cipherTwofish  = 10
	cipherCamellia = 13

	modeOCB = 2
	modeGCM = 3

	algorithmRSA     = 1
	algorithmElGamal = 16
)

// pgpPacket is a packet in the new format, with the shortest length.
func pgpPacket(tag byte, content ...[]byte) []byte {
	body := slices.Concat(content...)
	head := []byte{0xc0 | tag}
	switch n := len(body); {
	case n < 192:
		head = append(head, byte(n))
	case n < 8384:
		head = append(head, byte((n-192)>>8)+192, byte(n-192))
	default:
		head = binary.BigEndian.AppendUint32(append(head, 255), uint32(n))
	}
	return append(head, body...)
}

// longPacket has a length of five octets, oldPacket the old format, and
// partialPacket comes in parts of 512 octets and a rest.
func longPacket(tag byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 255}, uint32(len(body))), body...)
}

func oldPacket(tag byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0x80 | tag<<2 | 1}, uint16(len(body))), body...)
}

func partialPacket(tag byte, body []byte) []byte {
	out := []byte{0xc0 | tag}
	for ; len(body) > 512; body = body[512:] {
		out = append(append(out, 0xe0|9), body[:512]...)
	}
	rest := pgpPacket(tag, body)
	return append(out, rest[1:]...)
}

// bodyOf takes the header off a packet.
func bodyOf(written []byte) []byte {
	return must(packet.NewOpaqueReader(bytes.NewReader(written)).Next()).Contents
}

// literalPacket is binary data without a name and a time.
func literalPacket(plaintext []byte) []byte { return namedLiteral('b', "", 0, plaintext) }

func namedLiteral(format byte, name string, time uint32, plaintext []byte) []byte {
	head := append([]byte{format, byte(len(name))}, name...)
	return pgpPacket(packetLiteral, binary.BigEndian.AppendUint32(head, time), plaintext)
}

// encryptionKey is the subkey that is sealed to.
func encryptionKey(kind string) *packet.PublicKey {
	return privateKey(kind).(*pgp.Entity).Subkeys[0].PublicKey
}

// pkesk is the packet of a session key, of version 6 or 3; hidden leaves out
// whom it is for.
func pkesk(kind string, symmetric byte, v6, hidden bool, sessionKey []byte) []byte {
	var buf bytes.Buffer
	check(packet.SerializeEncryptedKeyAEADwithHiddenOption(&buf, encryptionKey(kind), packet.CipherFunction(symmetric), v6, sessionKey, hidden, nil))
	return buf.Bytes()
}

// pgpRSA is the key whose session keys are forged by hand.
const pgpRSA = "openpgp-v4-rsa"

// rsaPKESK encrypts a block, whatever it is, as version 3.
func rsaPKESK(block []byte) []byte {
	public := encryptionKey(pgpRSA).PublicKey.(*rsa.PublicKey)
	return rsaPKESKOf(must(rsa.EncryptPKCS1v15(rand.Reader, public, block))) //nolint:staticcheck // OpenPGP knows no other.
}

func rsaPKESKOf(encrypted []byte) []byte {
	return pgpPacket(packetPKESK, pkeskHead(pgpRSA, algorithmRSA), mpi(encrypted))
}

func pkeskHead(kind string, algorithm byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{3}, encryptionKey(kind).KeyId), algorithm)
}

// sessionBlock is a session key with its cipher and checksum.
func sessionBlock(symmetric byte, key []byte) []byte {
	var sum uint16
	for _, b := range key {
		sum += uint16(b)
	}
	return binary.BigEndian.AppendUint16(append([]byte{symmetric}, key...), sum)
}

// mpi is a multiprecision integer in its shortest form.
func mpi(number []byte) []byte {
	n := new(big.Int).SetBytes(number)
	return append(binary.BigEndian.AppendUint16(nil, uint16(n.BitLen())), n.Bytes()...)
}

func blockOf(symmetric byte, key []byte) cipher.Block {
	switch symmetric {
	case cipher3DES:
		return must(des.NewTripleDESCipher(key)) //nolint:gosec // See the import.
	case cipherCAST5:
		return must(cast5.NewCipher(key))
	}
	return must(aes.NewCipher(key))
}

// cfb is cipher feedback from an IV.
func cfb(block cipher.Block, iv, text []byte) []byte {
	var out []byte
	feedback := bytes.Clone(iv)
	for part := range slices.Chunk(text, block.BlockSize()) {
		block.Encrypt(feedback, feedback)
		for i, b := range part {
			feedback[i] ^= b
		}
		out = append(out, feedback[:len(part)]...)
	}
	return out
}

// cfbPrefix is the random block with which data begins, its last two octets
// again.
func cfbPrefix(block cipher.Block) []byte {
	prefix := random(block.BlockSize())
	return append(prefix, prefix[len(prefix)-2:]...)
}

// seipd1 is encrypted data of version 1, with its modification detection code.
func seipd1(symmetric byte, key, content []byte) []byte {
	text := append(cfbPrefix(blockOf(symmetric, key)), content...)
	return seipd1Of(symmetric, key, append(text, mdcOf(text)...))
}

func seipd1Of(symmetric byte, key, text []byte) []byte {
	block := blockOf(symmetric, key)
	return append([]byte{1}, cfb(block, make([]byte, block.BlockSize()), text)...)
}

func mdcOf(text []byte) []byte {
	head := []byte{0xd3, 0x14}
	sum := sha1.Sum(append(bytes.Clone(text), head...)) //nolint:gosec // See the import.
	return append(head, sum[:]...)
}

// sed is encrypted data without integrity protection, whose feedback begins anew
// behind the prefix (RFC 9580, section 12.9).
func sed(symmetric byte, key, content []byte) []byte {
	block := blockOf(symmetric, key)
	head := cfb(block, make([]byte, block.BlockSize()), cfbPrefix(block))
	return append(head, cfb(block, head[2:], content)...)
}

// seipd2Data is encrypted data of version 2 in AES-256-GCM, its chunks and the
// last tag apart.
type seipd2Data struct {
	head   []byte // version, cipher, mode, size of chunks, salt
	chunks [][]byte
	last   []byte
}

// seipd2 has chunks of 64 octets.
func seipd2(key, content []byte) seipd2Data {
	d := seipd2Data{head: append([]byte{2, cipherAES256, modeGCM, 0}, random(32)...)}
	additional := append([]byte{0xc0 | packetSEIPD}, d.head[:4]...)
	derived := must(hkdf.Key(sha256.New, key, d.head[4:], string(additional), 32+4))
	gcm := must(cipher.NewGCM(must(aes.NewCipher(derived[:32]))))
	nonce := func(number int) []byte {
		return binary.BigEndian.AppendUint64(bytes.Clone(derived[32:]), uint64(number))
	}
	for part := range slices.Chunk(content, 64) {
		d.chunks = append(d.chunks, gcm.Seal(nil, nonce(len(d.chunks)), part, additional))
	}
	total := binary.BigEndian.AppendUint64(additional, uint64(len(content)))
	d.last = gcm.Seal(nil, nonce(len(d.chunks)), nil, total)
	return d
}

func (d seipd2Data) packet() []byte {
	return pgpPacket(packetSEIPD, d.head, bytes.Join(d.chunks, nil), d.last)
}

// aeadPacket is the packet of LibrePGP, in AES-256-OCB and one chunk.
func aeadPacket(key, content []byte) []byte {
	head := []byte{1, cipherAES256, modeOCB, 10}
	iv := random(15)
	block := must(ocb.NewOCB(must(aes.NewCipher(key))))
	additional := append([]byte{0xc0 | packetAEAD}, head...)
	nonce := func(number byte) []byte { // The number is mixed into the end.
		changed := bytes.Clone(iv)
		changed[14] ^= number
		return changed
	}
	first := binary.BigEndian.AppendUint64(bytes.Clone(additional), 0)
	last := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(bytes.Clone(additional), 1), uint64(len(content)))
	return pgpPacket(packetAEAD, head, iv, block.Seal(nil, nonce(0), content, first), block.Seal(nil, nonce(1), nil, last))
}

// pgpTo is a message of version 1 for a key of version 4, of version 2 for one
// of version 6.
func pgpTo(kind string, content []byte) []byte {
	key := random(32)
	if isV6(kind) {
		return append(pkesk(kind, cipherAES256, true, false, key), seipd2(key, content).packet()...)
	}
	return append(pkesk(kind, cipherAES256, false, false, key), pgpPacket(packetSEIPD, seipd1(cipherAES256, key, content))...)
}

func isV6(kind string) bool { return encryptionKey(kind).Version == 6 }
