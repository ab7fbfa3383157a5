package formats

import (
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
)

// IdentityFor makes the identity that may open the envelope: of the private
// key, in the format that the envelope is in. The error wraps
// crypto.ErrMalformed for an envelope in none of the formats, and
// crypto.ErrUnsupportedKey for a key that its format does not take.
func IdentityFor(privateKey any, envelope []byte) (crypto.Identity, crypto.Format, error) {
	format, ok := Detect(envelope)
	if !ok {
		return nil, crypto.Format{}, fmt.Errorf("%w: it is in none of the formats that are known", crypto.ErrMalformed)
	}
	identity, err := format.Identity(privateKey)
	if err != nil {
		return nil, crypto.Format{}, fmt.Errorf("the envelope is %s: %w", format.Name, err)
	}
	return identity, format, nil
}
