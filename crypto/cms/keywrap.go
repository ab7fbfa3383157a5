package cms

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
)

// initialValue is that of RFC 3394, section 2.2.3.1. A key that comes with it
// out of unwrapping was wrapped with the same key-encryption key.
const initialValue = 0xa6a6a6a6a6a6a6a6

// semiblock is what AES key wrap works on, in bytes.
const semiblock = 8

// wrapKey is AES key wrap, RFC 3394, section 2.2.1, of a key of AES.
func wrapKey(kek, key []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, semiblock, semiblock+len(key)), key...)
	b := make([]byte, aes.BlockSize)
	defer clear(b)
	a, n := uint64(initialValue), len(key)/semiblock
	for t := range uint64(6 * n) {
		r := out[semiblock*(1+t%uint64(n)):][:semiblock]
		binary.BigEndian.PutUint64(b, a)
		copy(b[semiblock:], r)
		block.Encrypt(b, b)
		a = binary.BigEndian.Uint64(b) ^ (t + 1)
		copy(r, b[semiblock:])
	}
	binary.BigEndian.PutUint64(out, a)
	return out, nil
}

// unwrapKey is its reverse, RFC 3394, section 2.2.2, for keys of AES; false if
// the key was not wrapped with this one.
func unwrapKey(kek, wrapped []byte) ([]byte, bool) {
	block, err := aes.NewCipher(kek)
	if n := len(wrapped) - semiblock; err != nil || n != 16 && n != 24 && n != 32 {
		return nil, false
	}
	key := append(make([]byte, 0, len(wrapped)-semiblock), wrapped[semiblock:]...)
	b := make([]byte, aes.BlockSize)
	defer clear(b)
	copy(b, wrapped[:semiblock])
	n := len(key) / semiblock
	for t := uint64(6 * n); t > 0; t-- {
		r := key[semiblock*((t-1)%uint64(n)):][:semiblock]
		binary.BigEndian.PutUint64(b, binary.BigEndian.Uint64(b)^t)
		copy(b[semiblock:], r)
		block.Decrypt(b, b)
		copy(r, b[semiblock:])
	}
	want := binary.BigEndian.AppendUint64(nil, initialValue)
	if subtle.ConstantTimeCompare(b[:semiblock], want) != 1 {
		clear(key)
		return nil, false
	}
	return key, true
}
