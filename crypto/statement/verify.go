package statement

import (
	"crypto/ed25519"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto/signed"
)

// Verify returns the claims of a statement that one of keys signed, or
// ErrSignature. A valid signature over claims that do not make sense, or are
// not in the encoding that Sign writes, is ErrSignature too. Whether the claims
// are those that the caller waits for is Check's and Covers' matter.
func Verify(token string, keys ...ed25519.PublicKey) (Claims, error) {
	data, err := signed.Verify(token, Type, keys...)
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	claims, err := decode(data)
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return claims, nil
}
