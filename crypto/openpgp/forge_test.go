package openpgp

import (
	"bytes"
	"crypto/des"  //nolint:gosec // For what is to be refused.
	"crypto/sha1" //nolint:gosec // Part of the format.
	"encoding/binary"
	"slices"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// forgery is a message that the tests make at will.
type forgery struct {
	cipher     packet.CipherFunction // AES-256 if it is zero
	aead       bool
	hidden     bool
	sessionKey []byte // random if it is nil
	content    []byte // packets; a literal one of "value" if it is nil
}

// raw makes the message for the first subkey of entity.
func (f forgery) raw(t testing.TB, entity *pgp.Entity) []byte {
	t.Helper()
	return bytes.Join([][]byte{f.wrapped(t, entity), f.data(t)}, nil)
}

func (f *forgery) complete() {
	if f.cipher == 0 {
		f.cipher = packet.CipherAES256
	}
	if f.sessionKey == nil {
		f.sessionKey = bytes.Repeat([]byte{7}, f.cipher.KeySize())
	}
	if f.content == nil {
		f.content = literalOf("value")
	}
}

// wrapped is the packet of the session key, for the first subkey of entity, of
// which nothing is asked.
func (f forgery) wrapped(t testing.TB, entity *pgp.Entity) []byte {
	t.Helper()
	f.complete()
	var out bytes.Buffer
	if err := packet.SerializeEncryptedKeyAEADwithHiddenOption(&out, entity.Subkeys[0].PublicKey, f.cipher, f.aead, f.sessionKey, f.hidden, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// data is the packet of the encrypted data.
func (f forgery) data(t testing.TB) []byte {
	t.Helper()
	f.complete()
	if f.cipher == packet.Cipher3DES {
		return packetOf(18, tripleDES(t, f.sessionKey, f.content))
	}
	var out bytes.Buffer
	suite := packet.CipherSuite{Cipher: f.cipher, Mode: packet.AEADModeOCB}
	w, err := packet.SerializeSymmetricallyEncrypted(&out, f.cipher, f.aead, suite, f.sessionKey, &packet.Config{AEADConfig: &packet.AEADConfig{ChunkSize: chunkSize}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(f.content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// tripleDES is version 1 of the data packet (RFC 9580, section 5.13.1) with a
// cipher that the library does not write.
func tripleDES(t testing.TB, sessionKey, content []byte) []byte {
	t.Helper()
	block, err := des.NewTripleDESCipher(sessionKey) //nolint:gosec // To be refused.
	if err != nil {
		t.Fatal(err)
	}
	start := make([]byte, des.BlockSize)
	stream, prefix := packet.NewOCFBEncrypter(block, start, packet.OCFBNoResync)
	text := append(bytes.Clone(content), 0xd3, sha1.Size)
	sum := sha1.Sum(slices.Concat(start, start[:2], text)) //nolint:gosec // The packet's.
	text = append(text, sum[:]...)
	stream.XORKeyStream(text, text)
	return slices.Concat([]byte{1}, prefix, text)
}

// packetOf is a packet with a length of five octets.
func packetOf(tag byte, body []byte) []byte {
	head := binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 255}, uint32(len(body)))
	return append(head, body...)
}

func literalOf(text string) []byte {
	return packetOf(11, append([]byte("b\x00\x00\x00\x00\x00"), text...))
}

// compressedOf is the content in a compressed packet.
func compressedOf(t testing.TB, content []byte) []byte {
	t.Helper()
	out := &closeable{}
	w, err := packet.SerializeCompressed(out, packet.CompressionZLIB, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type closeable struct{ bytes.Buffer }

func (*closeable) Close() error { return nil }

// bodies takes a message apart into the bodies of its packets.
func bodies(t testing.TB, raw []byte) (found []*packet.OpaquePacket) {
	t.Helper()
	packets := packet.NewOpaqueReader(bytes.NewReader(raw))
	for {
		p, err := packets.Next()
		if err != nil {
			return found
		}
		found = append(found, p)
	}
}

// together is the reverse of bodies.
func together(packets []*packet.OpaquePacket) (raw []byte) {
	for _, p := range packets {
		raw = append(raw, packetOf(p.Tag, p.Contents)...)
	}
	return raw
}

// changed returns a message after a change to the bodies of its packets.
func changed(t testing.TB, raw []byte, change func(packets []*packet.OpaquePacket)) []byte {
	t.Helper()
	packets := bodies(t, raw)
	change(packets)
	return together(packets)
}
