// Package jwks verifies tokens (JWS, RFC 7515) with the published keys of their
// issuer: a JWK Set (RFC 7517) out of a file, or from a URL that is fixed by the
// configuration, fetched when it is needed and cached.
package jwks

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealrelay/sealrelay/hooks"
)

// maxToken is the longest token, in bytes. Those of Entra ID with their many
// claims have two to four thousand.
const maxToken = 16 << 10

// strictBase64 refuses unused bits that are not zero, so that no two texts are
// the same token.
var strictBase64 = base64.RawURLEncoding.Strict()

// Keys are an issuer's. They are safe for concurrent use.
type Keys struct {
	origin origin
}

// origin is where keys come from.
type origin interface {
	// keys are those known, with the one of the ID among them if the issuer has
	// it. The error wraps hooks.ErrUnavailable.
	keys(id string) (set, error)
}

func (s set) keys(string) (set, error) { return s, nil }

// Source says where an issuer's keys are: in a Document or at a URL.
type Source struct {
	// Document is a JWK Set of at most 256 KiB.
	Document []byte
	// URL is that of a JWK Set, https.
	URL string
	// CA are the authorities, in PEM, that the URL's certificate must come from;
	// those of the system if there are none.
	CA []byte
	// Pin is the SHA-256 of the public key (SubjectPublicKeyInfo) that one of
	// the certificates of the URL's server must have: sha256:HEX. Empty for any.
	Pin string
}

// Open returns the keys of a source. A URL is not fetched before the first
// token, so that a service starts while an issuer is away.
func Open(s Source) (*Keys, error) {
	switch {
	case (s.Document == nil) == (s.URL == ""):
		return nil, errors.New("the issuer's keys: set exactly one of jwks_file and jwks_url")
	case s.Document != nil && (s.CA != nil || s.Pin != ""):
		return nil, errors.New("jwks_ca_file and jwks_pin go with jwks_url only")
	case s.Document != nil:
		keys, err := parseSet(s.Document)
		if err != nil {
			return nil, fmt.Errorf("jwks_file: %w", err)
		}
		return &Keys{origin: keys}, nil
	}
	remote, err := newRemote(s)
	if err != nil {
		return nil, err
	}
	return &Keys{origin: remote}, nil
}

// Token is a verified token.
type Token struct {
	// Type is the header's "typ" (RFC 7515, section 4.1.9), empty if it has none.
	Type string
	// Payload is what was signed.
	Payload []byte
}

// Verify checks a token in compact serialization (RFC 7515, section 7.1) of at
// most 16 KiB and returns what it says. It is signed with RS256, RS384, RS512,
// PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA (Ed25519), by a key that the
// issuer has for it. Keys inside of the token, or at a URL that it names, count
// for nothing. The error wraps hooks.ErrUnauthenticated, or hooks.ErrUnavailable
// when the keys cannot be fetched; a call is held no longer than 3 s for that.
func (k *Keys) Verify(token string) (Token, error) {
	if !canonical(token) {
		return Token{}, fmt.Errorf("%w: the token is not a JWS in compact serialization of at most %d bytes", hooks.ErrUnauthenticated, maxToken)
	}
	parsed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(parsed.Signatures) != 1 {
		return Token{}, fmt.Errorf("%w: the token is no JWS, or signed with an algorithm that is not accepted; RS, PS, ES 256 to 512 and EdDSA are", hooks.ErrUnauthenticated)
	}
	header := parsed.Signatures[0].Protected
	keys, err := k.origin.keys(header.KeyID)
	if err != nil {
		return Token{}, err
	}
	for _, key := range keys.named(header.KeyID) {
		if !fits(key, jose.SignatureAlgorithm(header.Algorithm)) {
			continue
		}
		if payload, err := parsed.Verify(key.Key); err == nil {
			typ, _ := header.ExtraHeaders[jose.HeaderType].(string)
			return Token{Type: typ, Payload: payload}, nil
		}
	}
	return Token{}, fmt.Errorf("%w: no key of the issuer has signed the token: check the issuer and its keys", hooks.ErrUnauthenticated)
}

// canonical says whether a token is three parts in the one base64url text that
// each of them has. The decoder would skip line breaks.
func canonical(token string) bool {
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") {
		return false
	}
	parts := strings.Split(token, ".")
	for _, part := range parts {
		if _, err := strictBase64.DecodeString(part); err != nil {
			return false
		}
	}
	return len(parts) == 3
}
