package crypto_test

import (
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// A secret is sealed with a public key, and opened with the private key that
// belongs to it and no other.
func Example() {
	private, public, err := keys.Generate("age")
	if err != nil {
		panic(err)
	}
	other, _, err := keys.Generate("age")
	if err != nil {
		panic(err)
	}
	key, err := keys.ParsePublic([]byte(public))
	if err != nil {
		panic(err)
	}
	recipient, format, err := formats.RecipientFor(key, "")
	if err != nil {
		panic(err)
	}
	envelope, err := recipient.Seal([]byte("s3cr3t"))
	if err != nil {
		panic(err)
	}
	open := func(file []byte) ([]byte, error) {
		key, err := keys.ParsePrivate(file, nil)
		if err != nil {
			return nil, err
		}
		identity, err := format.Identity(key)
		if err != nil {
			return nil, err
		}
		return identity.Open(envelope)
	}
	plaintext, err := open(private)
	fmt.Printf("%s, %v\n", plaintext, err)
	_, err = open(other)
	fmt.Println(errors.Is(err, crypto.ErrNoMatch))
	// Output:
	// s3cr3t, <nil>
	// true
}
