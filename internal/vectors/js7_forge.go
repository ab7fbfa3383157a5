package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // Part of the format.
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"slices"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// js7Envelope is the three fields of a value, and the AES key that is wrapped.
type js7Envelope struct{ wrapped, iv, ciphertext, key []byte }

func (e js7Envelope) text() []byte {
	return []byte("enc:" + base64Of(e.wrapped) + " " + base64Of(e.iv) + " " + base64Of(e.ciphertext))
}

func base64Of(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// js7Seal seals with AES keys of size bytes, as JS7 does with 16.
func js7Seal(key string, size int, plaintext []byte) js7Envelope {
	e := js7Envelope{key: random(size), iv: random(aes.BlockSize)}
	e.wrapped, e.ciphertext = js7Wrap(key, e.key), cbcEncrypt(e.key, e.iv, pkcs7Pad(plaintext))
	return e
}

// withWrapped and withValue return the envelope with another such field.
func (e js7Envelope) withWrapped(wrapped []byte) []byte {
	e.wrapped = wrapped
	return e.text()
}

func (e js7Envelope) withValue(ciphertext []byte) []byte {
	e.ciphertext = ciphertext
	return e.text()
}

// js7Wrap is RSAES-PKCS1-v1_5 or ECIES, by the kind of key.
func js7Wrap(key string, aesKey []byte) []byte {
	if public, ok := publicKey(key).(*rsa.PublicKey); ok {
		return must(rsa.EncryptPKCS1v15(rand.Reader, public, aesKey)) //nolint:staticcheck // The format's padding.
	}
	v, z := agree(key)
	return ecies(v, z, aesKey)
}

// ecies returns V || C || T: KDF2 and HMAC on SHA-1, the MAC key first.
func ecies(v, z, aesKey []byte) []byte {
	var derived []byte
	for counter := uint32(1); len(derived) < 32+len(aesKey); counter++ {
		sum := sha1.Sum(slices.Concat(v, z, binary.BigEndian.AppendUint32(nil, counter))) //nolint:gosec // See the import.
		derived = append(derived, sum[:]...)
	}
	c := bytes.Clone(aesKey)
	for i := range c {
		c[i] ^= derived[32+i]
	}
	mac := hmac.New(sha1.New, derived[:32])
	mac.Write(c)
	mac.Write(make([]byte, 8))
	return slices.Concat(v, c, mac.Sum(nil))
}

// agree makes an ephemeral key. It returns its public half, uncompressed, and
// the secret that it shares with the key.
func agree(key string) (v, z []byte) {
	if public, ok := publicKey(key).(*secp256k1.PublicKey); ok {
		ephemeral := must(secp256k1.GeneratePrivateKey())
		return ephemeral.PubKey().SerializeUncompressed(), secp256k1.GenerateSharedSecret(ephemeral, public)
	}
	theirs := ecdhPublic(key)
	ephemeral := must(theirs.Curve().GenerateKey(rand.Reader))
	return ephemeral.PublicKey().Bytes(), must(ephemeral.ECDH(theirs))
}

func ecdhPublic(key string) *ecdh.PublicKey {
	switch public := publicKey(key).(type) {
	case *ecdsa.PublicKey:
		return must(public.ECDH())
	case *ecdh.PublicKey:
		return public
	}
	panic(key + " agrees on nothing")
}

// negated returns the point with the same x and the other y, which is as much a
// point of the curve as the first.
func negated(key string, v []byte) []byte {
	size := (len(v) - 1) / 2
	y := new(big.Int).Sub(fieldPrime(key), new(big.Int).SetBytes(v[1+size:]))
	return append(bytes.Clone(v[:1+size]), y.FillBytes(make([]byte, size))...)
}

func fieldPrime(key string) *big.Int {
	if public, ok := publicKey(key).(*ecdsa.PublicKey); ok {
		return public.Params().P
	}
	return secp256k1.Params().P
}

// rsaRaw encrypts an encoded message as it is, whatever its padding.
func rsaRaw(public *rsa.PublicKey, message []byte) []byte {
	c := new(big.Int).Exp(new(big.Int).SetBytes(message), big.NewInt(int64(public.E)), public.N)
	return c.FillBytes(make([]byte, public.Size()))
}

// js7File is the file of the same blocks: each block's base64 by itself.
func js7File(blocks []byte) []byte {
	var text []byte
	for block := range slices.Chunk(blocks, aes.BlockSize) {
		text = base64.StdEncoding.AppendEncode(text, block)
	}
	return text
}

// js7Header is what opening a file needs beside it.
func (e js7Envelope) js7Header() string { return base64Of(e.wrapped) + " " + base64Of(e.iv) }

func pkcs7Pad(text []byte) []byte {
	n := aes.BlockSize - len(text)%aes.BlockSize
	return append(bytes.Clone(text), bytes.Repeat([]byte{byte(n)}, n)...)
}

func cbcEncrypt(key, iv, padded []byte) []byte {
	out := make([]byte, len(padded))
	cipher.NewCBCEncrypter(must(aes.NewCipher(key)), iv).CryptBlocks(out, padded)
	return out
}

func cbcDecrypt(key, iv, ciphertext []byte) []byte {
	out := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(must(aes.NewCipher(key)), iv).CryptBlocks(out, ciphertext)
	return out
}

func random(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.Read(data) // It never fails.
	return data
}
