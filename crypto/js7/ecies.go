package js7

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Part of the format; neither use here needs collision resistance.
	"crypto/subtle"
	"encoding/binary"
)

// The sizes of ECIES in JS7, in bytes.
const (
	macKeySize = 32
	tagSize    = sha1.Size
)

// sealECIES is the encryption of IEEE 1363a-2004, section 11.3 (ECIES, stream
// mode, DHAES off), with the parameters that JS7 takes by default: KDF2 and
// HMAC, both on SHA-1, and a MAC key of 256 bits that comes first. v is the
// ephemeral public key, uncompressed, z the shared x-coordinate at its full
// size. It returns V || C || T.
func sealECIES(v, z, key []byte) []byte {
	macKey, c := splitKeys(v, z, len(key))
	defer clear(macKey)
	subtle.XORBytes(c, c, key)
	wrapped := append(append(make([]byte, 0, len(v)+len(c)+tagSize), v...), c...)
	return append(wrapped, tag(macKey, c)...)
}

// openECIES is the reverse of sealECIES; errMAC if the tag is not right.
func openECIES(v, z, c, t []byte) ([]byte, error) {
	macKey, key := splitKeys(v, z, len(c))
	defer clear(macKey)
	if !hmac.Equal(tag(macKey, c), t) {
		clear(key)
		return nil, errMAC
	}
	subtle.XORBytes(key, key, c)
	return key, nil
}

// splitECIES cuts V || C || T of a curve whose points have size bytes.
func splitECIES(wrapped []byte, size int) (v, c, t []byte, err error) {
	n := len(wrapped) - size - tagSize
	if !isKeySize(n) {
		return nil, nil, nil, errOtherKey
	}
	return wrapped[:size], wrapped[size : size+n], wrapped[size+n:], nil
}

func splitKeys(v, z []byte, n int) (macKey, keystream []byte) {
	out := kdf2(v, z, macKeySize+n)
	return out[:macKeySize:macKeySize], out[macKeySize:]
}

// kdf2 is KDF2 of ISO/IEC 18033-2, section 6.2.3, with SHA-1, over v || z.
func kdf2(v, z []byte, n int) []byte {
	out := make([]byte, 0, n+sha1.Size)
	h := sha1.New() //nolint:gosec // See the import.
	for counter := uint32(1); len(out) < n; counter++ {
		h.Reset()
		h.Write(v)
		h.Write(z)
		h.Write(binary.BigEndian.AppendUint32(nil, counter))
		out = h.Sum(out)
	}
	return out[:n]
}

// tag is the MAC over C and the eight bytes that hold the length, zero, of
// encoding parameters that JS7 does not use. V is covered by the derivation.
func tag(macKey, c []byte) []byte {
	mac := hmac.New(sha1.New, macKey)
	mac.Write(c)
	mac.Write(make([]byte, 8))
	return mac.Sum(nil)
}
