package keys

import (
	"fmt"
	"strings"
)

// KeystoreChange is a change of one entry of a keystore.
type KeystoreChange struct {
	// Alias is the entry's, in upper or lower case: printable ASCII. What has that
	// alias is taken out.
	Alias string
	// Private is the private key to put in, of a type that MarshalPrivate takes; nil
	// for a certificate that is trusted.
	Private any
	// Certificates are the key's own first and those it was issued by, as PEM; empty to
	// take the entry out and put nothing in.
	Certificates []byte
}

// ChangeKeystore returns the PKCS#12 or JKS keystore with a change. All other entries stay
// as they are: their keys are not opened. A PKCS#12 keystore is encrypted and
// authenticated anew, as MarshalPKCS12 has it, and so is a new key; a JKS keystore and its
// keys are protected as Java does, which is weak.
//
// Errors are those of ParsePublics for the keystore, ErrMalformed for certificates or an
// alias that cannot be, and ErrUnsupported for a missing password, a type of key that no
// keystore has, and JKS keystores of version 1. The caller wipes data and password.
func ChangeKeystore(data, password []byte, change KeystoreChange) ([]byte, error) {
	if len(password) == 0 {
		return nil, errEmptyPassword
	}
	if change.Alias == "" || strings.ContainsFunc(change.Alias, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, fmt.Errorf("%w: the alias of a keystore's entry is not printable ASCII", ErrMalformed)
	}
	switch {
	case isJKS(data):
		return changeJKS(data, password, change)
	case isPKCS12(data):
		return changePKCS12(data, password, change)
	}
	return nil, fmt.Errorf("%w: the file is no PKCS#12 or JKS keystore", ErrMalformed)
}

// NewKeystore is an empty keystore; format is "PKCS#12" or "JKS". Its errors are those of
// ChangeKeystore.
func NewKeystore(format string, password []byte) ([]byte, error) {
	switch {
	case len(password) == 0:
		return nil, errEmptyPassword
	case format == jksName:
		return writeJKS(nil, password), nil
	case format == pkcs12Name:
		return writePKCS12(nil, lock{password, writtenRounds})
	}
	return nil, fmt.Errorf("%w: %q is no format of keystores; there are %s and %s", ErrUnsupported, format, pkcs12Name, jksName)
}

// IsEmptyKeystore says whether the data is a keystore without entries. Its errors are those
// of ParsePublics.
func IsEmptyKeystore(data, password []byte) (bool, error) {
	open, known := keystore(data)
	if !known {
		return false, nil
	}
	items, err := open(data, &unlocker{password: password})
	return len(items) == 0, err
}

// chainOf are the certificates of a change as DER; with a private key, the first is for it.
func (c KeystoreChange) chainOf() ([][]byte, error) {
	if c.Private != nil {
		return chainFor(c.Private, c.Certificates)
	}
	public, err := ParsePublic(c.Certificates)
	if err != nil {
		return nil, err
	}
	if public.CertificateDER == nil {
		return nil, fmt.Errorf("%w: there is no certificate", ErrMalformed)
	}
	return [][]byte{public.CertificateDER}, nil
}
