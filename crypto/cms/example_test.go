package cms_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto/cms"
)

// A value is sealed so that "openssl cms -decrypt -inform PEM -inkey KEY"
// opens it.
func Example() {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	recipient, err := cms.Format.Recipient(&private.PublicKey)
	if err != nil {
		panic(err)
	}
	envelope, err := recipient.Seal([]byte("s3cr3t"))
	if err != nil {
		panic(err)
	}
	identity, err := cms.Format.Identity(private)
	if err != nil {
		panic(err)
	}
	plaintext, err := identity.Open(envelope)
	fmt.Printf("%.20s opens to %s, %v\n", envelope, plaintext, err)
	// Output: -----BEGIN CMS-----
	//  opens to s3cr3t, <nil>
}
