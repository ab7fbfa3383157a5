package jwe

import (
	"crypto/aes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"

	stdcrypto "crypto"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/strictjson"
)

const (
	// kekSize is the size of the A256KW key, in bytes.
	kekSize = 32
	// wrappedSize is that of a content encryption key under it.
	wrappedSize = cekSize + 8
)

// curve is how the specification names a curve and writes its points.
type curve struct {
	kty, crv string
	// size is that of a coordinate, in bytes.
	size int
}

// curves are those of RFC 7518, section 6.2.1.1, and of RFC 8037, section 2.
var curves = map[ecdh.Curve]curve{
	ecdh.P256():   {"EC", "P-256", 32},
	ecdh.P384():   {"EC", "P-384", 48},
	ecdh.P521():   {"EC", "P-521", 66},
	ecdh.X25519(): {"OKP", "X25519", 32},
}

// ephemeral is the JWK of an ephemeral public key.
type ephemeral struct {
	KeyType string `json:"kty"`
	Curve   string `json:"crv"`
	X       string `json:"x"`
	Y       string `json:"y,omitempty"`
}

func (c curve) ephemeral(key *ecdh.PublicKey) *ephemeral {
	e := &ephemeral{KeyType: c.kty, Curve: c.crv}
	point := key.Bytes()
	if c.kty == "EC" { // SEC 1, section 2.3.3: 4, x and y.
		e.Y = base64.RawURLEncoding.EncodeToString(point[1+c.size:])
		point = point[1 : 1+c.size]
	}
	e.X = base64.RawURLEncoding.EncodeToString(point)
	return e
}

// point is the reverse of ephemeral; errOtherKey for a key on another curve.
func (c curve) point(epk strictjson.Object) ([]byte, error) {
	kty, err := epk.String("kty")
	if err != nil {
		return nil, malformed(errEphemeral)
	}
	crv, err := epk.String("crv")
	if err != nil {
		return nil, malformed(errEphemeral)
	}
	if kty != c.kty || crv != c.crv {
		return nil, errOtherKey
	}
	point, err := epk.Bytes("x")
	if err != nil {
		return nil, malformed(errEphemeral)
	}
	if len(point) != c.size {
		return nil, errPointSize
	}
	if c.kty == "OKP" { // RFC 8037, section 2: it has no y.
		if !epk.Only("kty", "crv", "x") {
			return nil, malformed(errEphemeral)
		}
		return point, nil
	}
	y, err := epk.Bytes("y")
	if err != nil {
		return nil, malformed(errEphemeral)
	}
	if len(y) != c.size {
		return nil, errPointSize
	}
	return append(append([]byte{4}, point...), y...), nil
}

func wrapECDSA(public *ecdsa.PublicKey) (func([]byte, *header) ([]byte, error), error) {
	theirs, err := public.ECDH()
	if err != nil {
		return nil, errCurve
	}
	return wrapECDH(theirs)
}

func unwrapECDSA(private *ecdsa.PrivateKey) (func(*addressee) ([]byte, error), error) {
	ours, err := private.ECDH()
	if err != nil {
		return nil, errCurve
	}
	return unwrapECDH(ours)
}

// wrapECDH is ECDH-ES+A256KW of RFC 7518, section 4.6, without apu and apv.
func wrapECDH(theirs *ecdh.PublicKey) (func([]byte, *header) ([]byte, error), error) {
	on, known := curves[theirs.Curve()]
	if !known {
		return nil, errCurve
	}
	return func(cek []byte, header *header) ([]byte, error) {
		ours, err := theirs.Curve().GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		z, err := ours.ECDH(theirs)
		if err != nil {
			return nil, err
		}
		defer clear(z)
		kek := deriveKey(z, parameters{algorithm: algECDH}, kekSize)
		defer clear(kek)
		block, err := aes.NewCipher(kek)
		if err != nil {
			return nil, err
		}
		header.Ephemeral = on.ephemeral(ours.PublicKey())
		return josecipher.KeyWrap(block, cek)
	}, nil
}

func unwrapECDH(ours *ecdh.PrivateKey) (func(*addressee) ([]byte, error), error) {
	on, known := curves[ours.Curve()]
	if !known {
		return nil, errCurve
	}
	return func(a *addressee) ([]byte, error) {
		if a.parameters.algorithm != algECDH {
			return nil, errOtherKey
		}
		point, err := on.point(a.parameters.epk)
		if err != nil {
			return nil, err
		}
		theirs, err := ours.Curve().NewPublicKey(point)
		if err != nil {
			return nil, errPoint
		}
		z, err := ours.ECDH(theirs) // Refuses an all-zero secret (RFC 7748, section 6.1).
		if err != nil {
			return nil, errPoint
		}
		defer clear(z)
		kek := deriveKey(z, a.parameters, kekSize)
		defer clear(kek)
		block, err := aes.NewCipher(kek)
		if err != nil {
			return nil, err
		}
		cek, err := josecipher.KeyUnwrap(block, a.encryptedKey)
		if err != nil {
			return nil, errNoKey
		}
		return cek, nil
	}, nil
}

// deriveKey is the Concat KDF with SHA-256 over the inputs of RFC 7518, section
// 4.6.2, for a key of size bytes.
func deriveKey(z []byte, p parameters, size int) []byte {
	bits := binary.BigEndian.AppendUint32(nil, uint32(size)*8)
	kdf := josecipher.NewConcatKDF(stdcrypto.SHA256, z, counted([]byte(p.algorithm)), counted(p.apu), counted(p.apv), bits, nil)
	key := make([]byte, size)
	_, _ = io.ReadFull(kdf, key) // It fails never.
	return key
}

// counted puts the length before data, in four bytes.
func counted(data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
}

var errCurve = fmt.Errorf("%w: jwe takes EC keys on P-256, P-384 and P-521, and X25519 keys", crypto.ErrUnsupportedKey)
