package keys

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/sealrelay/sealrelay/crypto/internal/strictjson"
)

// looksLikeJWK says whether data is a JSON object, which no other container of
// keys is.
func looksLikeJWK(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{"))
}

// parseJWKs reads a public JSON Web Key (RFC 7517; RFC 7518, section 6, RFC 8037
// and RFC 8812), or those of a JWK Set that can be sealed to, or else those for
// signatures. Keys in the set of a kind that is not read are passed over if
// there are others. What other members a key has, its kid and certificates too,
// is not used.
func parseJWKs(data []byte) ([]*Public, error) {
	objects, err := readJWKs(data)
	if err != nil {
		return nil, err
	}
	var sealed, signing []*Public
	var skipped error
	for _, object := range objects {
		defer object.Wipe()
		key, err := publicJWK(object)
		switch _, signs := key.(ed25519.PublicKey); {
		case errors.Is(err, ErrUnsupported):
			skipped = err
		case err != nil:
			return nil, err
		case signs:
			signing = append(signing, &Public{Key: key, Container: JWK})
		default:
			sealed = append(sealed, &Public{Key: key, Container: JWK})
		}
	}
	switch {
	case len(sealed) > 0:
		return sealed, nil
	case len(signing) > 0:
		return signing, nil
	}
	return nil, skipped
}

// parsePrivateJWKs reads a private JSON Web Key, or those of a JWK Set, one or
// more. The caller wipes data.
func parsePrivateJWKs(data []byte) ([]any, error) {
	objects, err := readJWKs(data)
	if err != nil {
		return nil, err
	}
	var found []any
	skipped := fmt.Errorf("%w: the JWK is a public key; give the private one, which has a member d", ErrMalformed)
	for _, object := range objects {
		defer object.Wipe()
		if _, private := object["d"]; !private {
			continue
		}
		key, err := privateJWK(object)
		switch {
		case errors.Is(err, ErrUnsupported):
			skipped = err
		case err != nil:
			return nil, err
		default:
			found = append(found, key)
		}
	}
	if len(found) == 0 {
		return nil, skipped
	}
	return found, nil
}

// maxJWKs bounds a JWK Set.
const maxJWKs = 100

// readJWKs returns the one JWK, or those of a JWK Set (RFC 7517, section 5).
func readJWKs(data []byte) ([]strictjson.Object, error) {
	object, err := strictjson.Parse(data)
	if err != nil {
		return nil, classJWK(err)
	}
	_, one := object["kty"]
	_, set := object["keys"]
	if one == set {
		object.Wipe()
		return nil, fmt.Errorf("%w: the JSON is neither a JWK, which has a member kty, nor a JWK Set, which has keys", ErrMalformed)
	}
	if one {
		return []strictjson.Object{object}, nil
	}
	defer object.Wipe()
	objects, err := object.Array("keys")
	if err != nil {
		return nil, classJWK(err)
	}
	if len(objects) == 0 || len(objects) > maxJWKs {
		return nil, fmt.Errorf("%w: the JWK Set has %d keys, not 1 to %d", ErrMalformed, len(objects), maxJWKs)
	}
	return objects, nil
}

// privateMembers are those of RFC 7518, sections 6.2.2 and 6.3.2, and of RFC
// 8037, section 2.
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth"}

// publicJWK returns the key of a JWK in the type that Public.Key has.
func publicJWK(object strictjson.Object) (any, error) {
	kind, err := kindOfJWK(object)
	if err != nil {
		return nil, err
	}
	for _, name := range privateMembers {
		if _, found := object[name]; found {
			return nil, fmt.Errorf("%w: the JWK is a private key; give its public half, without d, p, q, dp, dq, qi and oth", ErrPrivate)
		}
	}
	key, err := kind.public(object)
	return key, classJWK(err)
}

// privateJWK returns the key of a JWK in the type that ParsePrivate gives it.
func privateJWK(object strictjson.Object) (any, error) {
	kind, err := kindOfJWK(object)
	if err != nil {
		return nil, err
	}
	key, err := kind.private(object)
	return key, classJWK(err)
}

// jwkKind reads the members of one kind of key; of errors, those without a
// class are ErrMalformed.
type jwkKind struct {
	public, private func(object strictjson.Object) (any, error)
	// signs: the key is for signatures by its kind.
	signs bool
}

// kindOfJWK finds the kind by kty and crv, and refuses a key that says it is
// for something else than what keys of its kind are read for.
func kindOfJWK(object strictjson.Object) (jwkKind, error) {
	name, err := object.String("kty")
	if err != nil {
		return jwkKind{}, classJWK(err)
	}
	if name == "EC" || name == "OKP" {
		curve, err := object.String("crv")
		if err != nil {
			return jwkKind{}, classJWK(err)
		}
		name += " " + curve
	}
	kind, known := jwkKinds[name]
	if !known {
		return jwkKind{}, fmt.Errorf("%w: JWK of kind %.40q; RSA, EC on P-256, P-384, P-521 and secp256k1, X25519 and Ed25519 are read", ErrUnsupported, name)
	}
	if kind.signs {
		return kind, nil
	}
	return kind, checkUse(object)
}

// checkUse refuses a key whose use, key_ops or alg (RFC 7517, sections 4.2 to
// 4.4) say that it is for signatures.
func checkUse(object strictjson.Object) error {
	signs := false
	if _, found := object["use"]; found {
		use, err := object.String("use")
		if err != nil {
			return classJWK(err)
		}
		signs = use == "sig"
	}
	if _, found := object["alg"]; found {
		algorithm, err := object.String("alg")
		if err != nil {
			return classJWK(err)
		}
		signs = signs || slices.Contains(signatureAlgorithms, algorithm)
	}
	if _, found := object["key_ops"]; found {
		operations, err := object.Strings("key_ops")
		if err != nil {
			return classJWK(err)
		}
		signs = signs || !slices.ContainsFunc(operations, func(operation string) bool {
			return slices.Contains(encryptionOperations, operation)
		})
	}
	if signs {
		return fmt.Errorf("%w: the JWK is a signature key, as its use, alg or key_ops says; give one for encryption", ErrUnsupported)
	}
	return nil
}

// The words of RFC 7517, section 4.3, and of RFC 7518, section 3.1, and RFC
// 8812, section 3.2.
var (
	encryptionOperations = []string{"encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"}
	signatureAlgorithms  = []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K",
	}
)

// classJWK gives ErrMalformed to an error without a class.
func classJWK(err error) error {
	if err == nil || errors.Is(err, ErrUnsupported) {
		return err
	}
	return fmt.Errorf("%w: JWK cannot be read: %w", ErrMalformed, err)
}
