// Package strength refuses keys that are too weak, in all formats alike.
package strength

import (
	"crypto/rsa"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
)

// MinRSA is the shortest RSA key that is sealed to or opened with, in bits.
const MinRSA = 2048

// RSA returns crypto.ErrForbidden for a key that is shorter than MinRSA.
func RSA(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < MinRSA {
		return fmt.Errorf("%w: RSA key has %d bits, at least %d are needed; make a new key", crypto.ErrForbidden, bits, MinRSA)
	}
	return nil
}
