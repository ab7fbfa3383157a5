package stores

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"maps"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// CheckAddition says what is wrong with an addition in any store: certificates that
// are none, or not the private key's.
func CheckAddition(addition Addition) error {
	public, err := keys.ParsePublic(addition.Certificates)
	if err != nil {
		return fmt.Errorf("%w: certificates: %w", ErrInvalid, err)
	}
	if public.CertificateDER == nil {
		return fmt.Errorf("%w: there is no certificate", ErrInvalid)
	}
	if addition.Private == nil {
		return nil
	}
	own, err := keys.PublicOf(addition.Private)
	if err != nil {
		return fmt.Errorf("%w: private key: %w", ErrInvalid, err)
	}
	id, err := keys.ID(own)
	if err != nil {
		return fmt.Errorf("%w: private key: %w", ErrInvalid, err)
	}
	if id != public.ID() {
		return fmt.Errorf("%w: the first certificate is not for the private key", ErrInvalid)
	}
	return nil
}

// Decide says what an addition comes to where there is the other entry, or is known
// to be none. It is the one rule for all stores: what is there with the same chain,
// with no less of the private key, and in no other state stays as it is; anything else is
// replaced only with Overwrite.
func Decide(there Entry, absent bool, wanted Entry, addition Addition) (Outcome, error) {
	switch {
	case absent:
		return Outcome{Did: DidAdd}, nil
	case there.Problem == nil && !there.Disabled && SameChain(there.Key, wanted.Key) && (there.Private == wanted.Private || there.Private == PrivateUnknown) && maps.Equal(there.Tags, wanted.Tags):
		return Outcome{Did: DidNothing}, nil
	case !addition.Overwrite:
		return Outcome{}, fmt.Errorf("%w: %s; to replace it, say so", ErrExists, addition.Alias)
	}
	return Outcome{Did: DidReplace}, nil
}

// SameChain says whether two keys have the same certificate and the same ones that it
// was issued by.
func SameChain(a, b *keys.Public) bool {
	if a == nil || b == nil || !bytes.Equal(a.CertificateDER, b.CertificateDER) || len(a.Intermediates) != len(b.Intermediates) || a.ID() != b.ID() {
		return false
	}
	for i := range a.Intermediates {
		if !a.Intermediates[i].Equal(b.Intermediates[i]) {
			return false
		}
	}
	return true
}

// CheckRequest says whether a certificate is for the key of a certificate signing
// request, as DER.
func CheckRequest(csr []byte, public *keys.Public) error {
	request, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return fmt.Errorf("%w: the request: %w", ErrUnreadable, err)
	}
	id, err := keys.ID(request.PublicKey)
	if err != nil {
		return fmt.Errorf("%w: the request: %w", ErrUnreadable, err)
	}
	if id != public.ID() {
		return fmt.Errorf("%w: the certificate is for another key than the request", ErrInvalid)
	}
	return nil
}
