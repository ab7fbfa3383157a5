package main

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"errors"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

func publicKey(name string) any { return must(keys.PublicOf(privateKey(name))) }

// ecdhCurve reads a point as one of the named key's curve.
func ecdhCurve(name string, point []byte) (any, error) {
	switch public := publicKey(name).(type) {
	case *secp256k1.PublicKey:
		return secp256k1.ParsePubKey(point)
	case *ecdsa.PublicKey:
		return must(public.ECDH()).Curve().NewPublicKey(point)
	case *ecdh.PublicKey:
		return public.Curve().NewPublicKey(point)
	}
	return nil, errors.New("no curve")
}

// pointOf is the public key of an EC key, uncompressed.
func pointOf(name string) []byte {
	if public, ok := publicKey(name).(*secp256k1.PublicKey); ok {
		return public.SerializeUncompressed()
	}
	return ecdhPublic(name).Bytes()
}
