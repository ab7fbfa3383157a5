// Package signed has the form that statements, recipient sets and receipts
// share: a JWS in compact serialization (RFC 7515, section 7.1) signed with
// Ed25519 (RFC 8037), whose header says which of them it is and who signed.
// A token has one encoding only, so that there are no two of the same meaning.
package signed

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// Signer signs tokens of one type. It is safe for concurrent use.
type Signer struct {
	key ed25519.PrivateKey
	// header is the first segment of each of its tokens, with the dot.
	header string
}

// NewSigner returns a signer of tokens of that type (RFC 7515, section 4.1.9;
// RFC 8725, section 3.11): no token of the same key and another type passes for
// one of them.
func NewSigner(key ed25519.PrivateKey, typ string) (*Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("an Ed25519 private key has %d bytes, this one %d", ed25519.PrivateKeySize, len(key))
	}
	header, err := headerOf(key.Public().(ed25519.PublicKey), typ)
	if err != nil {
		return nil, err
	}
	return &Signer{key: key, header: header + "."}, nil
}

// Sign returns the token of a payload.
func (s *Signer) Sign(payload []byte) string {
	// RFC 7515, section 7.1, written out: there is a signature per envelope, and
	// a library that builds the constant header anew adds about a third to its time.
	token := make([]byte, 0, len(s.header)+base64.RawURLEncoding.EncodedLen(len(payload))+1+base64.RawURLEncoding.EncodedLen(ed25519.SignatureSize))
	token = base64.RawURLEncoding.AppendEncode(append(token, s.header...), payload)
	signature := ed25519.Sign(s.key, token)
	return string(base64.RawURLEncoding.AppendEncode(append(token, '.'), signature))
}

// headerOf is the one header that a token signed with the private half of key
// has, as a segment of the token.
func headerOf(key ed25519.PublicKey, typ string) (string, error) {
	id, err := keys.ID(key)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"` + id + `","typ":"` + typ + `"}`)), nil
}

// Verify returns the payload of a token of that type that one of keys signed.
// Its error says what is wrong with the token.
func Verify(token, typ string, keys ...ed25519.PublicKey) ([]byte, error) {
	header, rest, _ := strings.Cut(token, ".")
	body, signature, found := strings.Cut(rest, ".")
	if !found || !canonical(body) || !canonical(signature) {
		return nil, errors.New("it is not three segments of base64url")
	}
	key, err := keyOf(header, typ, keys)
	if err != nil {
		return nil, err
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return nil, errors.New("it is not a compact JWS")
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, errors.New("the signature is wrong")
	}
	return payload, nil
}

// keyOf finds the key whose header it is. The whole header is compared, so
// algorithm, type and key ID are right and nothing else is in it.
func keyOf(header, typ string, keys []ed25519.PublicKey) (ed25519.PublicKey, error) {
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize {
			continue
		}
		if want, err := headerOf(key, typ); err == nil && want == header {
			return key, nil
		}
	}
	return nil, fmt.Errorf("its header names none of the %d trusted keys, or it is of another type than %s", len(keys), typ)
}

// canonical says whether segment is the one base64url encoding of some bytes:
// the decoder alone would pass line breaks and stray bits at the end.
func canonical(segment string) bool {
	data, err := base64.RawURLEncoding.DecodeString(segment)
	return err == nil && base64.RawURLEncoding.EncodeToString(data) == segment
}
