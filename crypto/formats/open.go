package formats

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sealrelay/sealrelay/crypto"
)

// IdentityFor makes the identity that may open the envelope: of the private
// key, in the format that the envelope is in. The error wraps
// crypto.ErrMalformed for an envelope in none of the formats, and
// crypto.ErrUnsupportedKey for a key that its format does not take.
func IdentityFor(privateKey any, envelope []byte) (crypto.Identity, crypto.Format, error) {
	format, ok := Detect(envelope)
	if !ok {
		return nil, crypto.Format{}, fmt.Errorf("%w: it is in none of the formats that are known (%v)", crypto.ErrMalformed, Names())
	}
	identity, err := format.Identity(privateKey)
	if err != nil {
		return nil, crypto.Format{}, fmt.Errorf("the envelope is %s: %w", format.Name, err)
	}
	return identity, format, nil
}

// Open opens the envelope with whichever of the private keys does. If none
// does, the error is the one that says most: damage and refusals before
// crypto.ErrNoMatch, and that before crypto.ErrUnsupportedKey.
//
// A legacy envelope of cms may open to nonsense with a wrong RSA key; see
// package cms. RefuseLegacy is against that.
func Open(envelope []byte, privateKeys ...any) ([]byte, error) {
	failure := fmt.Errorf("%w: there is no private key", crypto.ErrNoMatch)
	said := -1
	for _, private := range privateKeys {
		identity, _, err := IdentityFor(private, envelope)
		if err == nil {
			var plaintext []byte
			if plaintext, err = identity.Open(envelope); err == nil {
				return plaintext, nil
			}
		}
		if says := rank(err); says > said {
			failure, said = err, says
		}
	}
	return nil, failure
}

// ranked are the classes of errors, the one that says least first.
var ranked = []error{crypto.ErrUnsupportedKey, crypto.ErrNoMatch}

func rank(err error) int {
	at := slices.IndexFunc(ranked, func(class error) bool { return errors.Is(err, class) })
	if at < 0 {
		return len(ranked)
	}
	return at
}
