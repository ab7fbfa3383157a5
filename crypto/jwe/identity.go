package jwe

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// identity opens with one private key.
type identity struct {
	id string
	// unwrap returns the content encryption key, or one of the errors below.
	unwrap func(a *addressee) (cek []byte, err error)
}

// The errors of opening. An encrypted key that does not open has one error
// whatever is wrong with it (RFC 7516, section 11.5).
var (
	errOtherKey   = fmt.Errorf("%w: it is for keys of another kind", crypto.ErrNoMatch)
	errNoKey      = fmt.Errorf("%w: its encrypted key does not open: wrong key, or damaged", crypto.ErrNoMatch)
	errDamagedKey = fmt.Errorf("%w: it names this key, but its encrypted key does not open", crypto.ErrDamaged)
	errPoint      = fmt.Errorf("%w: its ephemeral key is not on the curve, or of low order", crypto.ErrDamaged)
	errPointSize  = fmt.Errorf("%w: its ephemeral key has not the length of its curve", crypto.ErrMalformed)
	errTag        = fmt.Errorf("%w: its tag does not fit the header and ciphertext", crypto.ErrDamaged)
)

func newIdentity(privateKey any) (crypto.Identity, error) {
	i := &identity{}
	var err error
	switch key := privateKey.(type) {
	case *rsa.PrivateKey:
		i.unwrap, err = unwrapRSA(key)
	case *ecdsa.PrivateKey:
		i.unwrap, err = unwrapECDSA(key)
	case *ecdh.PrivateKey:
		i.unwrap, err = unwrapECDH(key)
	default:
		err = fmt.Errorf("%w: jwe takes RSA keys, EC keys on P-256, P-384 and P-521, and X25519 keys, not %s", crypto.ErrUnsupportedKey, keys.PrivateKind(privateKey))
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

// KeyID implements crypto.Identity.
func (i *identity) KeyID() string { return i.id }

// Open implements crypto.Identity. Of several recipients it first tries those
// that name its key, then all others; the first failure is the one returned.
func (i *identity) Open(data []byte) ([]byte, error) {
	e, err := parse(data)
	if err != nil {
		return nil, err
	}
	failure := errOtherKey
	for _, named := range []bool{true, false} {
		for n := range e.recipients {
			each := &e.recipients[n]
			if (each.parameters.keyID == i.id) != named {
				continue
			}
			cek, err := i.unwrap(each)
			if err == nil {
				defer clear(cek)
				return e.decrypt(cek)
			}
			if named && err == errNoKey { //nolint:errorlint // The very same.
				err = errDamagedKey
			}
			if failure == errOtherKey { //nolint:errorlint // As above.
				failure = err
			}
		}
	}
	return nil, failure
}
