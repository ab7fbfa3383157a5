package keys

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/sealrelay/sealrelay/crypto/internal/strictjson"
)

// jwkKinds are the kinds of keys that are read, by kty and crv.
var jwkKinds = map[string]jwkKind{
	"RSA":          {public: rsaJWK, private: rsaPrivateJWK},
	"EC P-256":     ecKind(elliptic.P256()),
	"EC P-384":     ecKind(elliptic.P384()),
	"EC P-521":     ecKind(elliptic.P521()),
	"EC secp256k1": {public: secp256k1JWK, private: secp256k1PrivateJWK},
	"OKP X25519":   {public: x25519JWK, private: x25519PrivateJWK},
	"OKP Ed25519":  {public: ed25519JWK, private: ed25519PrivateJWK, signs: true},
}

var (
	errJWKSize  = errors.New("a value has not the length that its kind of key has")
	errJWKParts = errors.New("its private and public members do not belong together")
	errJWKPoint = errors.New("it is no point of its curve")
	errJWKRange = errors.New("a value is out of range")
)

// rsaJWK reads RFC 7518, section 6.3.1.
func rsaJWK(object strictjson.Object) (any, error) {
	modulus, err := integer(object, "n")
	if err != nil {
		return nil, err
	}
	exponent, err := integer(object, "e")
	if err != nil {
		return nil, err
	}
	if modulus.BitLen() > maxRSABits {
		return nil, fmt.Errorf("%w: RSA key has %d bits, more than %d", ErrUnsupported, modulus.BitLen(), maxRSABits)
	}
	if modulus.Bit(0) == 0 || exponent.Bit(0) == 0 || !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > math.MaxInt32 {
		return nil, errJWKRange
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

// rsaPrivateJWK reads RFC 7518, section 6.3.2, with both primes and what
// follows from them.
func rsaPrivateJWK(object strictjson.Object) (any, error) {
	if _, found := object["oth"]; found {
		return nil, fmt.Errorf("%w: RSA key of more than two primes", ErrUnsupported)
	}
	if _, found := object["p"]; !found {
		return nil, fmt.Errorf("%w: RSA private key without its primes", ErrUnsupported)
	}
	public, err := rsaJWK(object)
	if err != nil {
		return nil, err
	}
	values := map[string]*big.Int{}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		if values[name], err = integer(object, name); err != nil {
			return nil, err
		}
	}
	key := &rsa.PrivateKey{
		PublicKey:   *public.(*rsa.PublicKey),
		D:           values["d"],
		Primes:      []*big.Int{values["p"], values["q"]},
		Precomputed: rsa.PrecomputedValues{Dp: values["dp"], Dq: values["dq"], Qinv: values["qi"]},
	}
	key.Precompute() // Takes the given values, and checks them.
	if key.Validate() != nil {
		return nil, errJWKParts
	}
	return key, nil
}

// integer reads a Base64urlUInt (RFC 7518, section 2): no leading zero.
func integer(object strictjson.Object, name string) (*big.Int, error) {
	data, err := object.Bytes(name)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	if data[0] == 0 {
		return nil, errJWKRange
	}
	return new(big.Int).SetBytes(data), nil
}

// ecKind reads RFC 7518, sections 6.2.1 and 6.2.2.
func ecKind(curve elliptic.Curve) jwkKind {
	size := (curve.Params().BitSize + 7) / 8
	public := func(object strictjson.Object) (any, error) {
		point, err := uncompressed(object, size)
		if err != nil {
			return nil, err
		}
		key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
		if err != nil {
			return nil, errJWKPoint
		}
		return key, nil
	}
	private := func(object strictjson.Object) (any, error) {
		theirs, err := public(object)
		if err != nil {
			return nil, err
		}
		scalar, err := sized(object, "d", size)
		if err != nil {
			return nil, err
		}
		defer clear(scalar)
		key, err := ecdsa.ParseRawPrivateKey(curve, scalar)
		if err != nil {
			return nil, errJWKRange
		}
		if !key.PublicKey.Equal(theirs) {
			return nil, errJWKParts
		}
		return key, nil
	}
	return jwkKind{public: public, private: private}
}

// secp256k1JWK reads RFC 8812, section 3.1.
func secp256k1JWK(object strictjson.Object) (any, error) {
	point, err := uncompressed(object, secp256k1.PrivKeyBytesLen)
	if err != nil {
		return nil, err
	}
	key, err := secp256k1.ParsePubKey(point)
	if err != nil {
		return nil, errJWKPoint
	}
	return key, nil
}

func secp256k1PrivateJWK(object strictjson.Object) (any, error) {
	theirs, err := secp256k1JWK(object)
	if err != nil {
		return nil, err
	}
	data, err := sized(object, "d", secp256k1.PrivKeyBytesLen)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	var scalar secp256k1.ModNScalar
	defer scalar.Zero()
	if scalar.SetByteSlice(data) || scalar.IsZero() {
		return nil, errJWKRange
	}
	key := secp256k1.NewPrivateKey(&scalar)
	if !key.PubKey().IsEqual(theirs.(*secp256k1.PublicKey)) {
		return nil, errJWKParts
	}
	return key, nil
}

// x25519JWK reads RFC 8037, section 2.
func x25519JWK(object strictjson.Object) (any, error) {
	data, err := sized(object, "x", 32)
	if err != nil {
		return nil, err
	}
	key, err := ecdh.X25519().NewPublicKey(data)
	if err != nil {
		return nil, errJWKPoint
	}
	return key, nil
}

func x25519PrivateJWK(object strictjson.Object) (any, error) {
	theirs, err := x25519JWK(object)
	if err != nil {
		return nil, err
	}
	scalar, err := sized(object, "d", 32)
	if err != nil {
		return nil, err
	}
	defer clear(scalar)
	key, err := ecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		return nil, errJWKRange
	}
	if !key.PublicKey().Equal(theirs) {
		return nil, errJWKParts
	}
	return key, nil
}

// ed25519JWK reads RFC 8037, section 2.
func ed25519JWK(object strictjson.Object) (any, error) {
	data, err := sized(object, "x", ed25519.PublicKeySize)
	if err != nil {
		return nil, err
	}
	return ed25519.PublicKey(data), nil
}

func ed25519PrivateJWK(object strictjson.Object) (any, error) {
	theirs, err := ed25519JWK(object)
	if err != nil {
		return nil, err
	}
	seed, err := sized(object, "d", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	key := ed25519.NewKeyFromSeed(seed)
	if !bytes.Equal(key[ed25519.SeedSize:], theirs.(ed25519.PublicKey)) {
		return nil, errJWKParts
	}
	return key, nil
}

// sized reads a value of exactly size bytes.
func sized(object strictjson.Object, name string, size int) ([]byte, error) {
	data, err := object.Bytes(name)
	if err != nil {
		return nil, err
	}
	if len(data) != size {
		clear(data)
		return nil, errJWKSize
	}
	return data, nil
}

// uncompressed puts the coordinates x and y together as SEC 1, section 2.3.3.
func uncompressed(object strictjson.Object, size int) ([]byte, error) {
	x, err := sized(object, "x", size)
	if err != nil {
		return nil, err
	}
	y, err := sized(object, "y", size)
	if err != nil {
		return nil, err
	}
	return append(append([]byte{4}, x...), y...), nil
}
