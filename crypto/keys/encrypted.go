package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // Old key files use it; nothing is written with it.
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // The default pseudo-random function of RFC 8018.
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
)

// maxIterations bounds the work that a key file can ask for; OpenSSL writes
// 2048, today's advice is 600,000.
const maxIterations = 10_000_000

var (
	errNoPassword    = fmt.Errorf("%w: it needs a password; give it in a file", ErrPassword)
	errWrongPassword = fmt.Errorf("%w: wrong password, or the file is damaged", ErrPassword)
)

// The parts of EncryptedPrivateKeyInfo (RFC 5958, section 3) with PBES2 and
// PBKDF2 (RFC 8018, appendix A).
type (
	encryptedPKCS8 struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2 struct{ Derivation, Cipher pkix.AlgorithmIdentifier }
	kdf   struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
)

// prfs are the HMACs of RFC 8018, appendix B.1; none named means SHA-1.
var prfs = map[string]func() hash.Hash{
	"":                    sha1.New,
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New,
}

// cbcCiphers are the encryption schemes of RFC 8018, appendix B.2.
var cbcCiphers = map[string]struct {
	keySize  int
	newBlock func(key []byte) (cipher.Block, error)
}{
	"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
}

// decryptPKCS8 opens an EncryptedPrivateKeyInfo; the caller wipes what it
// returns. It is written out here because it must take any file without a
// panic and tell an unknown algorithm from a wrong password.
func decryptPKCS8(der, password []byte) ([]byte, error) {
	if password == nil {
		return nil, errNoPassword
	}
	var info encryptedPKCS8
	if !unmarshal(der, &info) {
		return nil, fmt.Errorf("%w: encrypted PKCS#8 key is damaged", ErrMalformed)
	}
	if oid := info.Algorithm.Algorithm.String(); oid != oidPBES2 {
		return nil, fmt.Errorf("%w: private key is encrypted with scheme %s; re-encrypt it with openssl pkcs8 -topk8 -v2 aes-256-cbc", ErrUnsupported, oid)
	}
	var scheme pbes2
	var iv []byte
	if !unmarshal(info.Algorithm.Parameters.FullBytes, &scheme) || !unmarshal(scheme.Cipher.Parameters.FullBytes, &iv) {
		return nil, fmt.Errorf("%w: PBES2 parameters of the encrypted key are damaged", ErrMalformed)
	}
	known, ok := cbcCiphers[scheme.Cipher.Algorithm.String()]
	if !ok {
		return nil, fmt.Errorf("%w: private key is encrypted with cipher %s; re-encrypt it with openssl pkcs8 -topk8 -v2 aes-256-cbc", ErrUnsupported, scheme.Cipher.Algorithm)
	}
	key, err := deriveKey(scheme.Derivation, password, known.keySize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := known.newBlock(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	size := block.BlockSize()
	if len(iv) != size || len(info.Data) == 0 || len(info.Data)%size != 0 {
		return nil, fmt.Errorf("%w: encrypted key is cut off or damaged", ErrMalformed)
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(info.Data, info.Data)
	return unpad(info.Data, size)
}

// deriveKey is PBKDF2 (RFC 8018, section 5.2).
func deriveKey(derivation pkix.AlgorithmIdentifier, password []byte, size int) ([]byte, error) {
	if oid := derivation.Algorithm.String(); oid != oidPBKDF2 {
		return nil, fmt.Errorf("%w: private key is encrypted with key derivation %s, only PBKDF2 is read; re-encrypt it with openssl pkcs8 -topk8 -v2 aes-256-cbc", ErrUnsupported, oid)
	}
	var params kdf
	if !unmarshal(derivation.Parameters.FullBytes, &params) {
		return nil, fmt.Errorf("%w: PBKDF2 parameters of the encrypted key are damaged", ErrMalformed)
	}
	if params.Iterations < 1 || params.Iterations > maxIterations || params.KeyLength != 0 && params.KeyLength != size {
		return nil, fmt.Errorf("%w: PBKDF2 parameters of the encrypted key are out of range", ErrMalformed)
	}
	prf, ok := prfs[params.PRF.Algorithm.String()]
	if !ok {
		return nil, fmt.Errorf("%w: private key is encrypted with PBKDF2 over %s; HMAC with SHA-1 and SHA-2 is read", ErrUnsupported, params.PRF.Algorithm)
	}
	return pbkdf2.Key(prf, string(password), params.Salt, params.Iterations, size)
}

// unpad removes the padding of RFC 8018, section 6.1.1.
func unpad(data []byte, size int) ([]byte, error) {
	n := int(data[len(data)-1])
	if n < 1 || n > size {
		return nil, errWrongPassword
	}
	for _, b := range data[len(data)-n:] {
		if int(b) != n {
			return nil, errWrongPassword
		}
	}
	return data[:len(data)-n], nil
}

// decryptLegacy opens the encryption of RFC 1421 headers, which hashes the
// password once with MD5: old key files have it, nothing here writes it.
func decryptLegacy(block *pem.Block, password []byte) ([]byte, error) {
	if password == nil {
		return nil, errNoPassword
	}
	der, err := x509.DecryptPEMBlock(block, password) //nolint:staticcheck // Deprecated for what it is; still what old files need.
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, errWrongPassword
	case err != nil:
		return nil, fmt.Errorf("%w: encrypted PEM key is damaged or uses an unknown cipher", ErrMalformed)
	}
	return der, nil
}

// unmarshal reads der, all of it.
func unmarshal(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}
