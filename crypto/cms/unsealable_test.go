package cms

import (
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// TestUnsealable: an RSA key that nothing can be encrypted to has an even
// modulus; sealing refuses it.
func TestUnsealable(t *testing.T) {
	r, err := Format.Recipient(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := r.Seal([]byte("value"))
	if envelope != nil {
		t.Error("sealed")
	}
	wantClass(t, err, crypto.ErrForbidden)
}
