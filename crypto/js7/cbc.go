package js7

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

// encrypt is AES-CBC (NIST SP 800-38A, section 6.2) with the padding of RFC
// 5652, section 6.3.
func encrypt(key, iv, plaintext []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	text := pad(append(make([]byte, 0, len(plaintext)+aes.BlockSize), plaintext...))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	return text, nil
}

// decrypt is the reverse of encrypt. If padded is false the text is of no use;
// the caller wipes it all the same.
func decrypt(key, iv, ciphertext []byte) (text []byte, padded bool, err error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, false, err
	}
	text = make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(text, ciphertext)
	n, padded := unpad(text[len(text)-aes.BlockSize:])
	return text[:len(text)-aes.BlockSize+n], padded, nil
}

// pad completes text to whole blocks, with a block more if it has them.
func pad(text []byte) []byte {
	n := aes.BlockSize - len(text)%aes.BlockSize
	for range n {
		text = append(text, byte(n))
	}
	return text
}

// unpad says how many bytes of the last block are text, in time that does not
// depend on them; 0 and false if the padding is wrong.
func unpad(last []byte) (n int, padded bool) {
	size := int(last[aes.BlockSize-1])
	good := subtle.ConstantTimeLessOrEq(1, size) & subtle.ConstantTimeLessOrEq(size, aes.BlockSize)
	for i, b := range last {
		inside := subtle.ConstantTimeLessOrEq(aes.BlockSize-i, size)
		good &= subtle.ConstantTimeSelect(inside, subtle.ConstantTimeByteEq(b, byte(size)), 1)
	}
	return subtle.ConstantTimeSelect(good, aes.BlockSize-size, 0), good == 1
}
