package statement

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Verify returns the claims of a statement that one of keys signed, or
// ErrSignature. A valid signature over claims that do not make sense, or are
// not in the encoding that Sign writes, is ErrSignature too. Whether the claims
// are those that the caller waits for is Check's and Covers' matter.
func Verify(token string, keys ...ed25519.PublicKey) (Claims, error) {
	header, rest, _ := strings.Cut(token, ".")
	body, signature, found := strings.Cut(rest, ".")
	if !found || !canonical(body) || !canonical(signature) {
		return Claims{}, fmt.Errorf("%w: it is not three segments of base64url", ErrSignature)
	}
	key, err := keyOf(header, keys)
	if err != nil {
		return Claims{}, err
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return Claims{}, fmt.Errorf("%w: it is not a compact JWS", ErrSignature)
	}
	data, err := jws.Verify(key)
	if err != nil {
		return Claims{}, fmt.Errorf("%w: the signature is wrong", ErrSignature)
	}
	claims, err := decode(data)
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return claims, nil
}

// keyOf finds the key whose header it is. The whole header is compared, so
// algorithm, type and key ID are right and nothing else is in it.
func keyOf(header string, keys []ed25519.PublicKey) (ed25519.PublicKey, error) {
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize {
			continue
		}
		if want, err := headerOf(key); err == nil && want == header {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: its header names none of the %d trusted keys, or it is no statement", ErrSignature, len(keys))
}

// canonical says whether segment is the one base64url encoding of some bytes:
// the decoder alone would pass line breaks and stray bits at the end.
func canonical(segment string) bool {
	data, err := base64.RawURLEncoding.DecodeString(segment)
	return err == nil && base64.RawURLEncoding.EncodeToString(data) == segment
}
