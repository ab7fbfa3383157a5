package openpgp_test

import (
	"fmt"

	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealrelay/sealrelay/crypto/openpgp"
)

// A value is sealed so that "gpg --decrypt" opens it.
func Example() {
	key, err := pgp.NewEntity("Agent", "", "agent@example.org", nil)
	if err != nil {
		panic(err)
	}
	recipient, err := openpgp.Format.Recipient(key) // Of its public half alone.
	if err != nil {
		panic(err)
	}
	envelope, err := recipient.Seal([]byte("s3cr3t"))
	if err != nil {
		panic(err)
	}
	identity, err := openpgp.Format.Identity(key)
	if err != nil {
		panic(err)
	}
	plaintext, err := identity.Open(envelope)
	fmt.Printf("%.28s opens to %s, %v\n", envelope, plaintext, err)
	// Output: -----BEGIN PGP MESSAGE-----
	//  opens to s3cr3t, <nil>
}
