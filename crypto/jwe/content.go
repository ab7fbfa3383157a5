package jwe

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
)

// The sizes of A256GCM (RFC 7518, section 5.3), in bytes.
const (
	cekSize = 32
	ivSize  = 12
	tagSize = 16
)

// encrypt sets the protected header and the encrypted content.
func (e *envelope) encrypt(protected header, cek, plaintext []byte) error {
	text, err := json.Marshal(protected)
	if err != nil {
		return err
	}
	e.protected = base64.RawURLEncoding.AppendEncode(nil, text)
	block, err := aes.NewCipher(cek)
	if err != nil {
		return err
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	sealed := gcm.Seal(nil, nil, plaintext, e.authData()) //nolint:gosec // The cipher draws its nonce itself.
	end := len(sealed) - tagSize
	e.iv, e.ciphertext, e.tag = sealed[:ivSize], sealed[ivSize:end], sealed[end:]
	return nil
}

// decrypt returns the plaintext; errTag if it is not authentic.
func (e *envelope) decrypt(cek []byte) ([]byte, error) {
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	sealed := append(append(make([]byte, 0, len(e.ciphertext)+tagSize), e.ciphertext...), e.tag...)
	plaintext, err := gcm.Open(sealed[:0], e.iv, sealed, e.authData())
	if err != nil {
		return nil, errTag
	}
	return plaintext, nil
}

// authData is the additional authenticated data of RFC 7516, section 5.1, step
// 14.
func (e *envelope) authData() []byte {
	if e.aad == nil {
		return e.protected
	}
	return append(append(append([]byte{}, e.protected...), '.'), e.aad...)
}
