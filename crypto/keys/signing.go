package keys

import (
	"crypto/ed25519"
	"fmt"
)

// ParseSigning reads the service's Ed25519 private key (RFC 8410), an
// unencrypted PKCS#8 PEM. Errors are those of ParsePrivate; a key of another
// kind is ErrUnsupported. The caller wipes data.
func ParseSigning(data []byte) (ed25519.PrivateKey, error) {
	private, err := ParsePrivate(data, nil)
	if err != nil {
		return nil, err
	}
	key, ok := private.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: statements are signed with an Ed25519 key, this is a %T; make one with kind ed25519", ErrUnsupported, private)
	}
	return key, nil
}

// ParseVerifying reads an Ed25519 public key (RFC 8410), an SPKI PEM or a
// certificate. Errors are those of ParsePublic; a key of another kind is
// ErrUnsupported.
func ParseVerifying(data []byte) (ed25519.PublicKey, error) {
	public, err := ParsePublic(data)
	if err != nil {
		return nil, err
	}
	key, ok := public.Key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: statements are verified with an Ed25519 key, this is %s", ErrUnsupported, public.Kind())
	}
	return key, nil
}
