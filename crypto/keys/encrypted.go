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

	"golang.org/x/crypto/scrypt"
)

var (
	errNoPassword    = fmt.Errorf("%w: it needs a password", ErrPassword)
	errWrongPassword = fmt.Errorf("%w: wrong password, or the file is damaged", ErrPassword)
)

// The parts of EncryptedPrivateKeyInfo (RFC 5958, section 3) with PBES2 and
// PBKDF2 (RFC 8018, appendix A) or scrypt (RFC 7914, section 7.1).
type (
	encryptedPKCS8 struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2        struct{ Derivation, Cipher pkix.AlgorithmIdentifier }
	pbkdf2Params struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
	scryptParams struct {
		Salt      []byte
		N, R, P   int
		KeyLength int `asn1:"optional"`
	}
)

const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
	oidScrypt = "1.3.6.1.4.1.11591.4.11"

	oidHMACSHA256 = "1.2.840.113549.2.9"
	oidAES256CBC  = "2.16.840.1.101.3.4.1.42"
)

// prfs are the HMACs of RFC 8018, appendix B.1; none named means SHA-1.
var prfs = map[string]func() hash.Hash{
	"":                    sha1.New,
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.8":  sha256.New224,
	oidHMACSHA256:         sha256.New,
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
	oidAES256CBC:              {32, aes.NewCipher},
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
}

// decryptPKCS8 opens an EncryptedPrivateKeyInfo; the caller wipes what it
// returns.
func decryptPKCS8(der []byte, with *unlocker) ([]byte, error) {
	var info encryptedPKCS8
	if !unmarshal(der, &info) {
		return nil, fmt.Errorf("%w: encrypted PKCS#8 key is damaged", ErrMalformed)
	}
	if with.password == nil {
		return nil, errNoPassword
	}
	return with.decrypt(info.Algorithm, info.Data)
}

// decrypt opens data, in place, that is encrypted with a password-based scheme.
// It is written out here because it must take any file without a panic, bound
// the work, and tell an unknown algorithm from a wrong password.
func (u *unlocker) decrypt(algorithm pkix.AlgorithmIdentifier, data []byte) ([]byte, error) {
	if oid := algorithm.Algorithm.String(); oid != oidPBES2 {
		return u.decryptPBES1(algorithm, data)
	}
	var scheme pbes2
	var iv []byte
	if !unmarshal(algorithm.Parameters.FullBytes, &scheme) || !unmarshal(scheme.Cipher.Parameters.FullBytes, &iv) {
		return nil, fmt.Errorf("%w: PBES2 parameters of the encrypted key are damaged", ErrMalformed)
	}
	known, ok := cbcCiphers[scheme.Cipher.Algorithm.String()]
	if !ok {
		return nil, fmt.Errorf("%w: private key is encrypted with cipher %s; re-encrypt it with openssl pkcs8 -topk8 -v2 aes-256-cbc", ErrUnsupported, scheme.Cipher.Algorithm)
	}
	key, err := u.deriveKey(scheme.Derivation, known.keySize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := known.newBlock(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return decryptCBC(block, iv, data)
}

// deriveKey is the key derivation of a PBES2 scheme.
func (u *unlocker) deriveKey(derivation pkix.AlgorithmIdentifier, size int) ([]byte, error) {
	switch oid := derivation.Algorithm.String(); oid {
	case oidPBKDF2:
		return u.pbkdf2(derivation.Parameters.FullBytes, size)
	case oidScrypt:
		return u.scrypt(derivation.Parameters.FullBytes, size)
	default:
		return nil, fmt.Errorf("%w: private key is encrypted with key derivation %s; PBKDF2 and scrypt are read; re-encrypt it with openssl pkcs8 -topk8 -v2 aes-256-cbc", ErrUnsupported, oid)
	}
}

// pbkdf2 is PBKDF2 (RFC 8018, section 5.2).
func (u *unlocker) pbkdf2(der []byte, size int) ([]byte, error) {
	var params pbkdf2Params
	if !unmarshal(der, &params) || params.KeyLength != 0 && params.KeyLength != size {
		return nil, fmt.Errorf("%w: PBKDF2 parameters of the encrypted key are damaged", ErrMalformed)
	}
	prf, ok := prfs[params.PRF.Algorithm.String()]
	if !ok {
		return nil, fmt.Errorf("%w: private key is encrypted with PBKDF2 over %s; HMAC with SHA-1 and SHA-2 is read", ErrUnsupported, params.PRF.Algorithm)
	}
	if err := u.work(int64(params.Iterations)); err != nil {
		return nil, err
	}
	return pbkdf2.Key(prf, string(u.password), params.Salt, params.Iterations, size)
}

// scrypt is scrypt (RFC 7914, section 6). Its memory is 128 times N times r, so
// the bound on the work keeps it under 1.3 GB.
func (u *unlocker) scrypt(der []byte, size int) ([]byte, error) {
	var params scryptParams
	if !unmarshal(der, &params) || params.KeyLength != 0 && params.KeyLength != size {
		return nil, fmt.Errorf("%w: scrypt parameters of the encrypted key are damaged", ErrMalformed)
	}
	if max(params.N, params.R, params.P) > maxRounds || min(params.N, params.R, params.P) < 1 {
		return nil, errTooMuchWork
	}
	memory := min(int64(params.N)*int64(params.R), maxRounds+1) // So that the product stays small.
	if err := u.work(memory * int64(params.P)); err != nil {
		return nil, err
	}
	key, err := scrypt.Key(u.password, params.Salt, params.N, params.R, params.P, size)
	if err != nil {
		return nil, fmt.Errorf("%w: scrypt parameters of the encrypted key are out of range", ErrMalformed)
	}
	return key, nil
}

// decryptCBC decrypts data in place and removes the padding.
func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, fmt.Errorf("%w: encrypted key is cut off or damaged", ErrMalformed)
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(data, data)
	return unpad(data, size)
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
