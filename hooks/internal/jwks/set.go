package jwks

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Bounds of a JWK Set.
const (
	maxDocument = 256 << 10
	maxKeys     = 100
	minRSABits  = 2048
	// maxRSABits bounds what one verification costs.
	maxRSABits = 8192
)

// algorithms are those that tokens may be signed with: asymmetric ones alone. A
// symmetric one would take a published key for a secret, "none" needs no key.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// set is the usable keys of a JWK Set.
type set []jose.JSONWebKey

// parseSet reads a JWK Set (RFC 7517, section 5). Keys that sign nothing that
// this package verifies are left out, as the RFC has it; a set without any
// other is an error.
func parseSet(document []byte) (set, error) {
	if len(document) > maxDocument {
		return nil, fmt.Errorf("JWK Set has more than %d bytes", maxDocument)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &raw); err != nil {
		return nil, errors.New("not the JSON of a JWK Set (RFC 7517, section 5)")
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("JWK Set has more than %d keys", maxKeys)
	}
	var keys set
	for _, member := range raw.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(member); err == nil && usable(key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("JWK Set has no public key that verifies signatures: RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519")
	}
	return keys, nil
}

// usable says whether some algorithm goes with the key. A private key is not:
// whoever reads it could sign.
func usable(key jose.JSONWebKey) bool {
	if !key.IsPublic() || !key.Valid() || key.Use != "" && key.Use != "sig" {
		return false
	}
	return slices.ContainsFunc(algorithms, func(a jose.SignatureAlgorithm) bool { return fits(key, a) })
}

// fits says whether a key is one for the algorithm. The key decides: a set that
// names the algorithm of a key allows no other, and each curve has its own
// (RFC 7518, section 3.4).
func fits(key jose.JSONWebKey, algorithm jose.SignatureAlgorithm) bool {
	if key.Algorithm != "" && key.Algorithm != string(algorithm) {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		return bits >= minRSABits && bits <= maxRSABits && (algorithm[:2] == "RS" || algorithm[:2] == "PS")
	case *ecdsa.PublicKey:
		return curves[algorithm] == public.Curve
	case ed25519.PublicKey:
		return algorithm == jose.EdDSA
	}
	return false
}

var curves = map[jose.SignatureAlgorithm]elliptic.Curve{
	jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521(),
}

// has says whether a token that names the key can be looked up.
func (s set) has(id string) bool { return len(s.named(id)) > 0 }

// named are the keys of an ID. A token without an ID is for the only key of a
// set, and for none of several.
func (s set) named(id string) set {
	if id == "" && len(s) == 1 {
		return s
	}
	var keys set
	for _, key := range s {
		if id != "" && key.KeyID == id {
			keys = append(keys, key)
		}
	}
	return keys
}
