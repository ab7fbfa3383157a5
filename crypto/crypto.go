// Package crypto seals secrets for recipients and opens them with identities.
//
// A recipient is a public key that can be sealed to, an identity the private
// key that opens; an envelope is the ciphertext of one plaintext for one
// recipient, in one format. Each format is a package below this one; package
// formats has the table of them. Nothing here knows of agents, HTTP or storage.
package crypto

import "errors"

// The classes in which sealing and opening fail. Every format wraps one of
// them, so that a caller decides with errors.Is and never by text.
var (
	// ErrNoMatch: the envelope is well-formed but is not for this identity.
	ErrNoMatch = errors.New("no identity matches the envelope")
	// ErrDamaged: the envelope failed its integrity check.
	ErrDamaged = errors.New("envelope is damaged")
	// ErrMalformed: the envelope is not one of this format.
	ErrMalformed = errors.New("envelope is malformed")
	// ErrForbidden: key or algorithm is one that this program refuses.
	ErrForbidden = errors.New("key or algorithm is forbidden")
	// ErrUnsupportedKey: the format cannot use keys of this kind.
	ErrUnsupportedKey = errors.New("key cannot be used with this format")
)

// Recipient is a public key in one format. Its methods are safe for
// concurrent use.
type Recipient interface {
	// KeyID names the key: see package keys for how it is made. It is not secret.
	KeyID() string
	// Seal returns the envelope of plaintext. It neither keeps nor changes
	// plaintext; two envelopes of one plaintext differ.
	Seal(plaintext []byte) (envelope []byte, err error)
}

// Identity is a private key in one format. Its methods are safe for
// concurrent use.
type Identity interface {
	// KeyID is the KeyID of the recipient that this identity opens for.
	KeyID() string
	// Open returns the plaintext of envelope, or nil and an error that wraps
	// one of the classes above. Nothing unauthenticated is returned by a
	// format that authenticates.
	Open(envelope []byte) (plaintext []byte, err error)
}

// Format is one envelope format: what it is called, which keys it takes.
type Format struct {
	// Name is the format's word in configurations, statements and file lists.
	Name string
	// Extension is how a file with such an envelope ends, with its dot.
	Extension string
	// Legacy marks a format that is kept for those who need it and that
	// authenticates less than today's formats.
	Legacy bool
	// Recipient makes a recipient of a public key. It returns an error
	// wrapping ErrUnsupportedKey or ErrForbidden if the format cannot use it.
	Recipient func(publicKey any) (Recipient, error)
	// Identity makes an identity of a private key, with the same errors.
	Identity func(privateKey any) (Identity, error)
	// Detect says whether data looks like an envelope of this format.
	Detect func(data []byte) bool
}
