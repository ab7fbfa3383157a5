package keys

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"  //nolint:gosec // Old key files use it; nothing is written with it.
	"crypto/md5"  //nolint:gosec // As DES.
	"crypto/sha1" //nolint:gosec // As DES.
	"crypto/x509/pkix"
	"fmt"
	"hash"
	"unicode/utf16"
	"unicode/utf8"
)

// pbes1 are the password-based encryption schemes of RFC 8018, appendix A.3,
// and of RFC 7292, appendix C: what OpenSSL before 1.1, Java before 9 and
// Windows before 10 wrote. They are read, and never written.
var pbes1 = map[string]struct {
	derive   func(hash func() hash.Hash, password, salt []byte, rounds, keySize, ivSize int) (key, iv []byte)
	hash     func() hash.Hash
	keySize  int
	newBlock func(key []byte) (cipher.Block, error)
}{
	"1.2.840.113549.1.5.3":    {pbkdf1, md5.New, 8, des.NewCipher},
	"1.2.840.113549.1.5.10":   {pbkdf1, sha1.New, 8, des.NewCipher},
	"1.2.840.113549.1.12.1.3": {pkcs12KeyIV, sha1.New, 24, des.NewTripleDESCipher},
	"1.2.840.113549.1.12.1.5": {pkcs12KeyIV, sha1.New, 16, newRC2},
	"1.2.840.113549.1.12.1.6": {pkcs12KeyIV, sha1.New, 5, newRC2},
}

// pbeParams is PBEParameter of RFC 8018, A.3, and pkcs-12PbeParams of RFC 7292.
type pbeParams struct {
	Salt       []byte
	Iterations int
}

func (u *unlocker) decryptPBES1(algorithm pkix.AlgorithmIdentifier, data []byte) ([]byte, error) {
	scheme, known := pbes1[algorithm.Algorithm.String()]
	if !known {
		return nil, fmt.Errorf("%w: private key is encrypted with scheme %s; re-encrypt it with openssl pkcs8 -topk8 -v2 aes-256-cbc", ErrUnsupported, algorithm.Algorithm)
	}
	var params pbeParams
	if !unmarshal(algorithm.Parameters.FullBytes, &params) {
		return nil, fmt.Errorf("%w: parameters of the encrypted key are damaged", ErrMalformed)
	}
	if err := u.work(int64(params.Iterations)); err != nil {
		return nil, err
	}
	key, iv := scheme.derive(scheme.hash, u.password, params.Salt, params.Iterations, scheme.keySize, des.BlockSize)
	defer clear(key)
	block, err := scheme.newBlock(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return decryptCBC(block, iv, data)
}

// pbkdf1 is PBES1's key derivation (RFC 8018, sections 5.1 and 6.1.1).
func pbkdf1(newHash func() hash.Hash, password, salt []byte, rounds, keySize, ivSize int) (key, iv []byte) {
	h := newHash()
	h.Write(password)
	h.Write(salt)
	derived := h.Sum(nil)
	for range rounds - 1 {
		h.Reset()
		h.Write(derived)
		derived = h.Sum(derived[:0])
	}
	return derived[:keySize], derived[keySize : keySize+ivSize]
}

// pkcs12KeyIV derives the key and the IV of RFC 7292, appendix B.3.
func pkcs12KeyIV(newHash func() hash.Hash, password, salt []byte, rounds, keySize, ivSize int) (key, iv []byte) {
	bmp := bmpPassword(password)
	defer clear(bmp)
	return pkcs12Key(newHash, bmp, salt, 1, rounds, keySize), pkcs12Key(newHash, bmp, salt, 2, rounds, ivSize)
}

// pkcs12Key is the key derivation of RFC 7292, appendix B.2, with its names; id
// is 1 for a key, 2 for an IV, 3 for a MAC.
func pkcs12Key(newHash func() hash.Hash, password, salt []byte, id byte, rounds, n int) []byte {
	h := newHash()
	u, v := h.Size(), h.BlockSize()
	d := bytes.Repeat([]byte{id}, v)
	i := append(stretch(salt, v), stretch(password, v)...)
	defer clear(i)
	var a []byte
	for len(a) < n {
		h.Reset()
		h.Write(d)
		h.Write(i)
		ai := h.Sum(nil)
		for range rounds - 1 {
			h.Reset()
			h.Write(ai)
			ai = h.Sum(ai[:0])
		}
		a = append(a, ai...)
		b := bytes.Repeat(ai, v/u+1)[:v]
		for j := 0; j < len(i); j += v {
			addOne(i[j:j+v], b)
		}
	}
	return a[:n]
}

// stretch repeats s to the next multiple of size.
func stretch(s []byte, size int) []byte {
	if len(s) == 0 {
		return nil
	}
	n := (len(s) + size - 1) / size * size
	return bytes.Repeat(s, n/len(s)+1)[:n]
}

// addOne adds b and 1 to block, big-endian numbers of one length, and drops what
// is carried out of it.
func addOne(block, b []byte) {
	carry := 1
	for i := len(block) - 1; i >= 0; i-- {
		sum := int(block[i]) + int(b[i]) + carry
		block[i], carry = byte(sum), sum>>8
	}
}

// bmpPassword is a password as RFC 7292, appendix B.1, has it: UTF-16, big-endian,
// with a terminator. A password that is not UTF-8 is taken for ISO 8859-1, as
// OpenSSL does.
func bmpPassword(password []byte) []byte {
	var units []uint16
	if utf8.Valid(password) {
		units = utf16.Encode(bytes.Runes(password))
	} else {
		for _, b := range password {
			units = append(units, uint16(b))
		}
	}
	bmp := make([]byte, 0, 2*len(units)+2)
	for _, unit := range units {
		bmp = append(bmp, byte(unit>>8), byte(unit))
	}
	clear(units)
	return append(bmp, 0, 0)
}
