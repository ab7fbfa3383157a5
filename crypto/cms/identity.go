package cms

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// identity is a private key.
type identity struct {
	id string
	// unwrap finds the key of an envelope. certain is false for one that may be
	// a stand-in: the failure of the content is then errUnopened.
	unwrap func(*envelope) (key []byte, certain bool, err error)
}

func newIdentity(privateKey any) (crypto.Identity, error) {
	i := &identity{}
	var err error
	switch key := privateKey.(type) {
	case *rsa.PrivateKey:
		i.unwrap, err = openRSA(key)
	case *ecdsa.PrivateKey:
		i.unwrap, err = openNIST(key)
	case *secp256k1.PrivateKey:
		i.unwrap = openSecp256k1(key)
	default:
		err = fmt.Errorf("%w: cms takes RSA and EC private keys, not %s", crypto.ErrUnsupportedKey, keys.PrivateKind(privateKey))
	}
	if err != nil {
		return nil, err
	}
	publicKey, err := keys.PublicOf(privateKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	if i.id, err = keys.ID(publicKey); err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	return i, nil
}

func (i *identity) KeyID() string { return i.id }

// The errors of unwrapping a key. They are constant: nothing of an envelope is
// in them.
var (
	errOtherKey   = fmt.Errorf("%w: none of its wrapped keys is for this key", crypto.ErrNoMatch)
	errUnopened   = fmt.Errorf("%w: wrong RSA key, or the envelope is damaged", crypto.ErrNoMatch)
	errWrappedKey = fmt.Errorf("%w: the wrapped key for this key is changed", crypto.ErrDamaged)
	errKeySize    = fmt.Errorf("%w: its key is not of the size that its cipher takes", crypto.ErrMalformed)
)

// Open takes every form. A wrapped key for another recipient and one that is
// damaged cannot be told apart, and are crypto.ErrNoMatch, except where the
// envelope names this key by its identifier: that is crypto.ErrDamaged. See
// the package's comment for what fails otherwise under RSAES-PKCS1-v1_5.
func (i *identity) Open(data []byte) ([]byte, error) {
	_, parsed, err := read(data)
	if err != nil {
		return nil, err
	}
	if parsed.content.refused != nil {
		return nil, parsed.content.refused
	}
	key, certain, err := i.unwrap(parsed)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	if len(key) != parsed.content.keySize {
		return nil, errKeySize
	}
	plaintext, err := parsed.content.open(key)
	if err != nil && !certain {
		return nil, errUnopened
	}
	return plaintext, err
}

// misses is why none of the wrapped keys was opened.
type misses struct {
	tried, named bool
	refused      error
}

func (m misses) err() error {
	switch {
	case m.named:
		return errWrappedKey
	case m.refused != nil && !m.tried:
		return m.refused
	}
	return errOtherKey
}
