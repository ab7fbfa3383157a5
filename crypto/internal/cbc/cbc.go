// Package cbc is AES-CBC with padding, for the formats that have it for the sake
// of others. It authenticates nothing: see packages js7 and cms for what follows.
package cbc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

// Encrypt is AES-CBC (NIST SP 800-38A, section 6.2) with the padding of RFC
// 5652, section 6.3. It returns an error for a key that is not of 16, 24 or 32
// bytes, and panics for an IV that is not of 16.
func Encrypt(key, iv, plaintext []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	text := Pad(append(make([]byte, 0, len(plaintext)+aes.BlockSize), plaintext...))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	return text, nil
}

// Decrypt is the reverse of Encrypt, for one block or more, whole ones; nil and
// false if the padding is wrong.
func Decrypt(key, iv, ciphertext []byte) (text []byte, padded bool, err error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, false, err
	}
	text = make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(text, ciphertext)
	n, padded := Unpad(text[len(text)-aes.BlockSize:])
	if !padded {
		clear(text)
		return nil, false, nil
	}
	return text[:len(text)-aes.BlockSize+n], true, nil
}

// Pad completes text to whole blocks, with a block more if it has them.
func Pad(text []byte) []byte {
	n := aes.BlockSize - len(text)%aes.BlockSize
	for range n {
		text = append(text, byte(n))
	}
	return text
}

// Unpad says how many bytes of the last block are text, in time that does not
// depend on them; 0 and false if the padding is wrong.
func Unpad(last []byte) (n int, padded bool) {
	size := int(last[aes.BlockSize-1])
	good := subtle.ConstantTimeLessOrEq(1, size) & subtle.ConstantTimeLessOrEq(size, aes.BlockSize)
	for i, b := range last {
		inside := subtle.ConstantTimeLessOrEq(aes.BlockSize-i, size)
		good &= subtle.ConstantTimeSelect(inside, subtle.ConstantTimeByteEq(b, byte(size)), 1)
	}
	return subtle.ConstantTimeSelect(good, aes.BlockSize-size, 0), good == 1
}
