package cms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/cbc"
)

// The sizes of AES-GCM and of the key that is made, in bytes.
const (
	keySize   = 32
	nonceSize = 12
	tagSize   = 16
)

// id-aes256-GCM is sealed with, the others are opened: RFC 5084, section 3.2,
// and RFC 3565, section 4.1.
var (
	oidAES256GCM = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 46}

	gcmKeySizes = algorithms[int]{
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 6}, 16},
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 26}, 24},
		{oidAES256GCM, 32},
	}
	cbcKeySizes = algorithms[int]{
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}, 16},
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}, 24},
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, 32},
	}
)

// algorithms is a closed list: what is not on it is refused.
type algorithms[T any] []struct {
	oid   asn1.ObjectIdentifier
	value T
}

func (list algorithms[T]) find(oid asn1.ObjectIdentifier) (value T, found bool) {
	for _, entry := range list {
		if entry.oid.Equal(oid) {
			return entry.value, true
		}
	}
	return value, false
}

func refuse(what string, oid asn1.ObjectIdentifier) error {
	return fmt.Errorf("%w: %s %s is not one that is opened", crypto.ErrForbidden, what, oid)
}

// content is an encrypted content and all that is needed beside its key.
type content struct {
	// refused says why it is not opened; the rest but authenticated is empty then.
	refused       error
	authenticated bool
	keySize       int
	// nonce is the nonce of AES-GCM or the IV of AES-CBC.
	nonce []byte
	// additional is the additional authenticated data of AES-GCM.
	additional []byte
	ciphertext []byte
	// mac is the tag of AES-GCM.
	mac []byte
}

// gcmParameters is GCMParameters of RFC 5084, section 3.2.
type gcmParameters struct {
	Nonce  []byte
	ICVLen int `asn1:"default:12,optional"`
}

func parseGCM(info encryptedContentInfo, mac, additional []byte) (content, error) {
	size, found := gcmKeySizes.find(info.Algorithm.Algorithm)
	if !found {
		return content{refused: refuse("authenticated cipher", info.Algorithm.Algorithm), authenticated: true}, nil
	}
	parameters, err := strict[gcmParameters](info.Algorithm.Parameters.FullBytes, "")
	if err != nil {
		return content{}, err
	}
	if len(mac) != parameters.ICVLen {
		return content{}, errMalformed
	}
	if len(parameters.Nonce) != nonceSize || parameters.ICVLen != tagSize {
		return content{refused: errGCMSizes, authenticated: true}, nil
	}
	return content{
		authenticated: true, keySize: size, nonce: parameters.Nonce,
		additional: additional, ciphertext: info.Content, mac: mac,
	}, nil
}

func parseCBC(info encryptedContentInfo) (content, error) {
	size, found := cbcKeySizes.find(info.Algorithm.Algorithm)
	if !found {
		return content{refused: refuse("unauthenticated cipher", info.Algorithm.Algorithm)}, nil
	}
	iv, err := strict[[]byte](info.Algorithm.Parameters.FullBytes, "")
	if err != nil {
		return content{}, err
	}
	if len(iv) != aes.BlockSize || len(info.Content) == 0 || len(info.Content)%aes.BlockSize != 0 {
		return content{}, errMalformed
	}
	return content{keySize: size, nonce: iv, ciphertext: info.Content}, nil
}

var (
	errGCMSizes = fmt.Errorf("%w: AES-GCM is opened with a nonce of %d and a tag of %d bytes only", crypto.ErrForbidden, nonceSize, tagSize)
	errTag      = fmt.Errorf("%w: its content is changed or cut off", crypto.ErrDamaged)
	errPadding  = fmt.Errorf("%w: the padding of its content is wrong", crypto.ErrDamaged)
)

// open decrypts with a key of keySize bytes.
func (c content) open(key []byte) ([]byte, error) {
	if !c.authenticated {
		return c.openCBC(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	text := append(append(make([]byte, 0, len(c.ciphertext)+tagSize), c.ciphertext...), c.mac...)
	plaintext, err := gcm.Open(text[:0], c.nonce, text, c.additional)
	if err != nil {
		return nil, errTag
	}
	return plaintext, nil
}

func (c content) openCBC(key []byte) ([]byte, error) {
	plaintext, padded, err := cbc.Decrypt(key, c.nonce, c.ciphertext)
	if err != nil {
		return nil, err
	}
	if !padded {
		return nil, errPadding
	}
	return plaintext, nil
}

// seal makes a new key and encrypts with AES-256-GCM.
func seal(plaintext []byte) (key []byte, info encryptedContentInfo, mac []byte, err error) {
	key, nonce := make([]byte, keySize), make([]byte, nonceSize)
	_, _ = rand.Read(key) // crypto/rand.Read fails never.
	_, _ = rand.Read(nonce)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, encryptedContentInfo{}, nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, encryptedContentInfo{}, nil, err
	}
	parameters, err := asn1.Marshal(gcmParameters{nonce, tagSize})
	if err != nil {
		return nil, encryptedContentInfo{}, nil, err
	}
	text := gcm.Seal(nil, nonce, plaintext, nil)
	return key, encryptedContentInfo{
		Type:      oidData,
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidAES256GCM, Parameters: asn1.RawValue{FullBytes: parameters}},
		Content:   text[:len(plaintext)],
	}, text[len(plaintext):], nil
}
