package recipientset

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// Type is the typ of a set's header (RFC 7515, section 4.1.9; RFC 8725, section
// 3.11): neither a statement nor any other JWT of the same key passes for a set.
const Type = "sealrelay-recipients+jwt"

// MaxSize bounds a set in its signed form, in bytes: several thousand
// recipients.
const MaxSize = 16 << 20

// Signer signs sets. It is safe for concurrent use.
type Signer struct {
	issuer string
	key    ed25519.PrivateKey
	// header is the first segment of each of its sets, with the dot.
	header string
}

// NewSigner returns a signer for the issuer with that name.
func NewSigner(key ed25519.PrivateKey, issuer string) (*Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("an Ed25519 private key has %d bytes, this one %d", ed25519.PrivateKeySize, len(key))
	}
	if issuer == "" {
		return nil, errors.New("a signer of recipient sets needs the issuer's name")
	}
	header, err := headerOf(key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return &Signer{issuer: issuer, key: key, header: header + "."}, nil
}

// Sign returns the set with the signer's issuer in place of its own, signed; an
// error if something is missing or impossible in it, or it is above MaxSize.
func (s *Signer) Sign(set Set) (string, error) {
	set.Issuer = s.issuer
	body, err := set.encode()
	if err != nil {
		return "", err
	}
	token := s.header + base64.RawURLEncoding.EncodeToString(body)
	signature := ed25519.Sign(s.key, []byte(token))
	token += "." + base64.RawURLEncoding.EncodeToString(signature)
	if len(token) > MaxSize {
		return "", fmt.Errorf("the recipient set has %d bytes, at most %d are allowed; share keys by groups", len(token), MaxSize)
	}
	return token, nil
}

// headerOf is the one header that a set signed with the private half of key has,
// as a segment of the token.
func headerOf(key ed25519.PublicKey) (string, error) {
	id, err := keys.ID(key)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"` + id + `","typ":"` + Type + `"}`)), nil
}

// Verify returns the set that the private half of key signed, or ErrSignature. A
// valid signature over a set that does not make sense, or is not in the encoding
// that Sign writes, is ErrSignature too. Whether it is the set that the caller
// waits for is Check's matter.
func Verify(token string, key ed25519.PublicKey) (Set, error) {
	if len(token) > MaxSize {
		return Set{}, fmt.Errorf("%w: it has more than %d bytes", ErrSignature, MaxSize)
	}
	header, rest, _ := strings.Cut(token, ".")
	body, signature, found := strings.Cut(rest, ".")
	if !found || !canonical(body) || !canonical(signature) {
		return Set{}, fmt.Errorf("%w: it is not three segments of base64url", ErrSignature)
	}
	// The whole header is compared, so algorithm, type and key ID are right and
	// nothing else is in it.
	want, err := headerOf(key)
	if err != nil || len(key) != ed25519.PublicKeySize || want != header {
		return Set{}, fmt.Errorf("%w: its header does not name the service's key, or it is no recipient set", ErrSignature)
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return Set{}, fmt.Errorf("%w: it is not a compact JWS", ErrSignature)
	}
	data, err := jws.Verify(key)
	if err != nil {
		return Set{}, fmt.Errorf("%w: the signature is wrong", ErrSignature)
	}
	set, err := decode(data)
	if err != nil {
		return Set{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return set, nil
}

// canonical says whether segment is the one base64url encoding of some bytes:
// the decoder alone would pass line breaks and stray bits at the end.
func canonical(segment string) bool {
	data, err := base64.RawURLEncoding.DecodeString(segment)
	return err == nil && base64.RawURLEncoding.EncodeToString(data) == segment
}
