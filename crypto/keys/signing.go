package keys

import (
	"crypto/ed25519"
	"fmt"
)

// ParseSigning reads the service's Ed25519 private key (RFC 8410), not
// encrypted: that of a file with one key, or the one Ed25519 key of a file with
// several. Errors are those of ParsePrivate; a key of another kind is
// ErrUnsupported. The caller wipes data.
func ParseSigning(data []byte) (ed25519.PrivateKey, error) {
	privates, err := ParsePrivates(data, Options{})
	if err != nil {
		return nil, err
	}
	key, ok := theOne[ed25519.PrivateKey](privates)
	if !ok {
		return nil, fmt.Errorf("%w: statements are signed with an Ed25519 key, of which the file has not one; make it with kind ed25519", ErrUnsupported)
	}
	return key, nil
}

// ParseVerifying reads an Ed25519 public key (RFC 8410), an SPKI PEM or a
// certificate: that of a file with one key, or the one Ed25519 key of a file
// with several. Errors are those of ParsePublic; a key of another kind is
// ErrUnsupported.
func ParseVerifying(data []byte) (ed25519.PublicKey, error) {
	publics, err := ParsePublics(data, Options{})
	if err != nil {
		return nil, err
	}
	var found []any
	for _, public := range publics {
		found = append(found, public.Key)
	}
	key, ok := theOne[ed25519.PublicKey](found)
	if !ok {
		return nil, fmt.Errorf("%w: statements are verified with an Ed25519 key, of which the file has not one", ErrUnsupported)
	}
	return key, nil
}

// theOne returns the key of that type if there is exactly one.
func theOne[T any](among []any) (key T, ok bool) {
	found := 0
	for _, candidate := range among {
		if typed, is := candidate.(T); is {
			key = typed
			found++
		}
	}
	return key, found == 1
}
