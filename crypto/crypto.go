// Package crypto seals secrets for recipients and opens them with identities.
//
// A recipient is a public key that can be sealed to, an identity the private
// key that opens; an envelope is the ciphertext of one plaintext for one
// recipient, in one format. Each format is a package below this one; package
// formats has the table of them. Nothing here knows of agents, HTTP or storage.
package crypto

import (
	"errors"
	"io"
)

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
	// plaintext; two envelopes of one plaintext differ. It returns ErrForbidden
	// for a key that turns out to be none that can be sealed to.
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

// Format is one envelope format: what it is called, which keys it takes, which
// forms its envelopes have. Its functions are safe for concurrent use.
type Format struct {
	// Name is the format's word in configurations, statements and file lists.
	Name string
	// Extension is how a file with such an envelope ends, with its dot.
	Extension string
	// Legacy marks a format that is kept for those who need it and that
	// authenticates less than today's formats.
	Legacy bool
	// Algorithms are what the format seals with, the preferred first.
	Algorithms []Algorithm
	// Recipient makes a recipient of a public key, or of a *x509.Certificate,
	// which stands for its key and may be named in the envelope. It returns an
	// error wrapping ErrUnsupportedKey or ErrForbidden if the format cannot use
	// it.
	Recipient func(publicKey any) (Recipient, error)
	// Identity makes an identity of a private key, with the same errors.
	Identity func(privateKey any) (Identity, error)
	// SealTo seals one envelope that each of the recipients opens, one or more,
	// all of which this format's Recipient made; ErrForbidden if they must not
	// be mixed. It is nil for a format whose envelopes have one recipient.
	SealTo func(plaintext []byte, recipients ...Recipient) (envelope []byte, err error)
	// Forms are the ways of writing one envelope; the first is the one that is
	// sealed to. Every form is opened.
	Forms []Form
	// Stream is for what is larger than memory; nil for a format that
	// authenticates the whole at once, or nothing.
	Stream *Stream
	// LegacyEnvelope says whether an envelope is made with algorithms that are
	// read only for the sake of old senders; nil if Legacy says it for all.
	LegacyEnvelope func(envelope []byte) bool
	// Addressees tells whom an envelope, in any of the format's forms, is for, as
	// far as it says: a text for each recipient, which is the same in every
	// envelope that is sealed to one key. It returns ErrMalformed for what is no
	// envelope of the format. What nobody without a private key can look into is
	// not looked at.
	Addressees func(envelope []byte) ([]string, error)
	// Detect says whether data looks like an envelope of this format. The first
	// 64 KiB of an envelope are enough for it.
	Detect func(data []byte) bool
}

// Algorithm is one way in which a format seals.
type Algorithm struct {
	// Name is in the words of the format's specification.
	Name string
	// Keys are the kinds of keys that it takes, in words.
	Keys string
	// PostQuantum: a quantum computer would not open it.
	PostQuantum bool
	// Legacy as in Format.
	Legacy bool
	// OpenOnly: envelopes like this are opened and not made.
	OpenOnly bool
}

// Form is one way of writing an envelope, such as armor.
type Form struct {
	// Name is "armor", "raw", "compact", "json", "enc" or "bare".
	Name string
	// Write returns the envelope, given in any of its format's forms, in this
	// one. It returns ErrMalformed if it is not an envelope of the format, or
	// cannot be written so.
	Write func(envelope []byte) ([]byte, error)
}

// Stream seals and opens in chunks that are authenticated one by one, in
// memory that does not grow with the plaintext.
type Stream struct {
	// Seal returns a writer of plaintext; the envelope is whole once Close
	// returned nil.
	Seal func(envelope io.Writer, recipients ...Recipient) (io.WriteCloser, error)
	// Open returns a reader of plaintext. What it returned is authentic, and is
	// the beginning of the plaintext; that nothing is missing is known at
	// io.EOF only. Its errors are those of Identity.Open.
	Open func(envelope io.Reader, identities ...Identity) (io.Reader, error)
}
