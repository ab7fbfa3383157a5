package recipientset_test

import (
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// weakRSA is an RSA key of 1024 bits, in text. Nothing can be opened with it.
func weakRSA(t testing.TB) []byte {
	t.Helper()
	modulus := new(big.Int).SetBit(big.NewInt(1), 1023, 1)
	text, err := keys.MarshalPublic(&rsa.PublicKey{N: modulus, E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	return text
}
