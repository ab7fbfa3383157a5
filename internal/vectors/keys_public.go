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
