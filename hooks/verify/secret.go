package verify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// The prefixes and sizes of the Standard Webhooks 1.0.0 specification, section
// "Signature scheme". Sizes are in bytes, decoded.
const (
	secretPrefix    = "whsec_"
	publicKeyPrefix = "whpk_"
	minSecretLen    = 24
	maxSecretLen    = 64
	newSecretLen    = 32
)

// strictBase64 refuses unused bits that are not zero, so that no two texts
// decode to the same bytes.
var strictBase64 = base64.StdEncoding.Strict()

// Secret is a Standard Webhooks signing secret, shared by the sender and the
// receiver. It prints as "[redacted]" and is safe for concurrent use.
type Secret struct {
	key *secretbytes.Value
}

// ParseSecret reads a secret in its text form: whsec_ and 24 to 64 bytes in
// base64. The text stays the caller's.
func ParseSecret(text *hooks.Value) (*Secret, error) {
	var secret *Secret
	err := text.Expose(func(text []byte) error {
		var err error
		secret, err = parseSecret(text)
		return err
	})
	return secret, err
}

func parseSecret(text []byte) (*Secret, error) {
	encoded, found := bytes.CutPrefix(text, []byte(secretPrefix))
	if !found {
		return nil, fmt.Errorf("signing secret does not begin with %s", secretPrefix)
	}
	key := make([]byte, strictBase64.DecodedLen(len(encoded)))
	n, err := strictBase64.Decode(key, encoded)
	if err != nil || bytes.ContainsAny(encoded, "\r\n") {
		clear(key)
		return nil, fmt.Errorf("signing secret is not %s and padded base64", secretPrefix)
	}
	if n < minSecretLen || n > maxSecretLen {
		clear(key)
		return nil, fmt.Errorf("signing secret has %d bytes after decoding, %d to %d are allowed", n, minSecretLen, maxSecretLen)
	}
	return &Secret{key: secretbytes.New(key[:n])}, nil
}

// NewSecret makes a random secret of 32 bytes.
func NewSecret() *Secret {
	key := make([]byte, newSecretLen)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	return &Secret{key: secretbytes.New(key)}
}

// Text is the secret in the form that ParseSecret reads, to store it or to hand
// it to the other side. The caller wipes it.
func (s *Secret) Text() (*hooks.Value, error) {
	var text []byte
	err := s.key.Expose(func(key []byte) error {
		text = make([]byte, 0, len(secretPrefix)+strictBase64.EncodedLen(len(key)))
		text = strictBase64.AppendEncode(append(text, secretPrefix...), key)
		return nil
	})
	return secretbytes.New(text), err
}

// Wipe overwrites the secret, which then signs and verifies nothing.
func (s *Secret) Wipe() { s.key.Wipe() }

// String implements fmt.Stringer.
func (s *Secret) String() string { return secretbytes.Redacted }

// parsePublicKey reads whpk_ and the 32 bytes of an Ed25519 key in base64.
func parsePublicKey(text string) (ed25519.PublicKey, error) {
	encoded, found := strings.CutPrefix(text, publicKeyPrefix)
	if !found {
		return nil, fmt.Errorf("public key does not begin with %s", publicKeyPrefix)
	}
	key, err := decodeFixed(encoded, ed25519.PublicKeySize)
	if err != nil {
		return nil, fmt.Errorf("public key is not %s and %d bytes in padded base64", publicKeyPrefix, ed25519.PublicKeySize)
	}
	return key, nil
}

var errBase64 = errors.New("not base64 of the right size")

// decodeFixed decodes base64 of exactly size bytes, and refuses the line breaks
// that encoding/base64 skips.
func decodeFixed(encoded string, size int) ([]byte, error) {
	if len(encoded) > strictBase64.EncodedLen(size) {
		return nil, errBase64
	}
	decoded, err := strictBase64.DecodeString(encoded)
	if err != nil || len(decoded) != size {
		return nil, errBase64
	}
	return decoded, nil
}
