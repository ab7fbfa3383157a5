package keys

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strconv"
	"strings"
)

const (
	// writtenRounds is what OWASP's password storage advice asks of PBKDF2 with
	// HMAC-SHA-256.
	writtenRounds = 600_000
	// sentRounds is for a password that was made at random and is used once: nobody can
	// try them all, however fast.
	sentRounds = 2_000
	// writtenSalt is the size of salts, in bytes.
	writtenSalt = 16
)

// lock is what something is encrypted with.
type lock struct {
	password []byte
	// rounds are those of PBKDF2.
	rounds int
}

var errEmptyPassword = fmt.Errorf("%w: an empty password protects nothing; leave it out, or give another", ErrUnsupported)

// encryptPKCS8 returns the EncryptedPrivateKeyInfo (RFC 5958, section 3) of der.
func encryptPKCS8(der []byte, with lock) ([]byte, error) {
	algorithm, data, err := encryptPBES2(der, with)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(encryptedPKCS8{algorithm, data})
}

// encryptPBES2 is PBES2 (RFC 8018, section 6.2) with PBKDF2 over HMAC-SHA-256
// and AES-256 in CBC.
func encryptPBES2(plain []byte, with lock) (pkix.AlgorithmIdentifier, []byte, error) {
	if len(with.password) == 0 {
		return pkix.AlgorithmIdentifier{}, nil, errEmptyPassword
	}
	salt, iv := make([]byte, writtenSalt), make([]byte, aes.BlockSize)
	_, _ = rand.Read(salt) // It never fails.
	_, _ = rand.Read(iv)
	key, err := pbkdf2.Key(sha256.New, string(with.password), salt, with.rounds, 32)
	if err != nil {
		return pkix.AlgorithmIdentifier{}, nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return pkix.AlgorithmIdentifier{}, nil, err
	}
	algorithm, err := pbes2Algorithm(salt, iv, with.rounds)
	data := pad(plain, aes.BlockSize)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	return algorithm, data, err
}

// pad returns a copy with the padding of RFC 8018, section 6.1.1.
func pad(plain []byte, size int) []byte {
	n := size - len(plain)%size
	return append(append(make([]byte, 0, len(plain)+n), plain...), bytes.Repeat([]byte{byte(n)}, n)...)
}

// pbes2Algorithm is the AlgorithmIdentifier of RFC 8018, appendix A.4.
func pbes2Algorithm(salt, iv []byte, rounds int) (pkix.AlgorithmIdentifier, error) {
	derivation, err := withParameters(oidPBKDF2, pbkdf2Params{
		Salt: salt, Iterations: rounds, PRF: pkix.AlgorithmIdentifier{Algorithm: parseOID(oidHMACSHA256), Parameters: asn1.NullRawValue},
	})
	if err != nil {
		return pkix.AlgorithmIdentifier{}, err
	}
	scheme, err := withParameters(oidAES256CBC, iv)
	if err != nil {
		return pkix.AlgorithmIdentifier{}, err
	}
	return withParameters(oidPBES2, pbes2{derivation, scheme})
}

func withParameters(oid string, parameters any) (pkix.AlgorithmIdentifier, error) {
	der, err := asn1.Marshal(parameters)
	return pkix.AlgorithmIdentifier{Algorithm: parseOID(oid), Parameters: asn1.RawValue{FullBytes: der}}, err
}

// parseOID reads one of the constants here.
func parseOID(text string) asn1.ObjectIdentifier {
	var oid asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(text, ".") {
		number, err := strconv.Atoi(arc)
		if err != nil {
			panic("keys: " + text + " is no object identifier")
		}
		oid = append(oid, number)
	}
	return oid
}
