package jwe_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto/jwe"
)

// A value is sealed in the compact serialization, which has five parts.
func Example() {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	recipient, err := jwe.Format.Recipient(private.PublicKey())
	if err != nil {
		panic(err)
	}
	envelope, err := recipient.Seal([]byte("s3cr3t"))
	if err != nil {
		panic(err)
	}
	identity, err := jwe.Format.Identity(private)
	if err != nil {
		panic(err)
	}
	plaintext, err := identity.Open(envelope)
	fmt.Printf("%d dots, opens to %s, %v\n", bytes.Count(envelope, []byte(".")), plaintext, err)
	// Output: 4 dots, opens to s3cr3t, <nil>
}
