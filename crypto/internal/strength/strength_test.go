package strength

import (
	"crypto/rsa"
	"errors"
	"math/big"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

func TestRSA(t *testing.T) {
	for bits, good := range map[uint]bool{1024: false, 2047: false, 2048: true, 2049: true, 4096: true} {
		err := RSA(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537})
		if good != (err == nil) || err != nil && !errors.Is(err, crypto.ErrForbidden) {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}
