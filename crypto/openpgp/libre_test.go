package openpgp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/ProtonMail/go-crypto/eax"
	"github.com/ProtonMail/go-crypto/ocb"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealrelay/sealrelay/crypto"
)

// aeadPacket is the AEAD Encrypted Data packet that gpg 2.3 and later write
// (LibrePGP, section 5.16), in chunks of 64 bytes.
func aeadPacket(t testing.TB, mode packet.AEADMode, sessionKey, content []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(sessionKey)
	if err != nil {
		t.Fatal(err)
	}
	var aead cipher.AEAD
	if mode == packet.AEADModeEAX {
		aead, err = eax.NewEAX(block)
	} else {
		aead, err = ocb.NewOCB(block)
	}
	if err != nil {
		t.Fatal(err)
	}
	nonce := bytes.Repeat([]byte{9}, aead.NonceSize())
	head := []byte{1, byte(packet.CipherAES256), byte(mode), 0} // A chunk has 2^(0+6) bytes.
	body := slices.Concat(head, nonce)
	seal := func(index uint64, text, more []byte) {
		numbered := bytes.Clone(nonce)
		last := numbered[len(numbered)-8:]
		binary.BigEndian.PutUint64(last, binary.BigEndian.Uint64(last)^index)
		additional := binary.BigEndian.AppendUint64(append([]byte{0xd4}, head...), index)
		body = append(body, aead.Seal(nil, numbered, text, append(additional, more...))...)
	}
	index := uint64(0)
	for chunk := range slices.Chunk(content, 64) {
		seal(index, chunk, nil)
		index++
	}
	seal(index, nil, binary.BigEndian.AppendUint64(nil, uint64(len(content))))
	return packetOf(tagAEAD, body)
}

// TestLibrePGP opens what gpg 2.3 and later seal to keys that ask for it.
func TestLibrePGP(t *testing.T) {
	for _, kind := range []string{"v4-curve25519", "v4-rsa2048"} {
		entity := newEntity(t, kind)
		identity := identityOf(t, entity)
		for _, mode := range []packet.AEADMode{packet.AEADModeEAX, packet.AEADModeOCB} {
			for _, size := range []int{0, 1, 50, 51, 52, 64, 1000} { // Chunks that are just full, and not.
				plaintext := random(t, size)
				f := forgery{content: literalOf(plaintext)}
				f.complete()
				message := slices.Concat(f.wrapped(t, entity), aeadPacket(t, mode, f.sessionKey, f.content))
				wantOpen(t, identity, message, plaintext)
				wantOpen(t, identity, written(t, "armor", message), plaintext)
				if size < 64 {
					continue
				}
				for name, change := range map[string]func(p []*packet.OpaquePacket){
					"a bit":           func(p []*packet.OpaquePacket) { p[1].Contents[40] ^= 1 },
					"the nonce":       func(p []*packet.OpaquePacket) { p[1].Contents[6] ^= 1 },
					"the mode":        func(p []*packet.OpaquePacket) { p[1].Contents[2] ^= 3 },
					"the chunks":      func(p []*packet.OpaquePacket) { p[1].Contents[3]++ },
					"the last tag":    func(p []*packet.OpaquePacket) { p[1].Contents = p[1].Contents[:len(p[1].Contents)-16] },
					"a whole chunk":   func(p []*packet.OpaquePacket) { p[1].Contents = slices.Delete(p[1].Contents, 20, 20+80) },
					"all of the data": func(p []*packet.OpaquePacket) { p[1].Contents = p[1].Contents[:4] },
				} {
					if got, err := identity.Open(changed(t, message, change)); got != nil {
						t.Errorf("%s changed, it opens to %d bytes", name, len(got))
					} else {
						wantClass(t, err, crypto.ErrDamaged)
					}
				}
			}
		}
	}
}
