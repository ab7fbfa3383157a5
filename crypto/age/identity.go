package age

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/plugin"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/strength"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

type identity struct {
	id  string
	key age.Identity
}

func newIdentity(privateKey any) (crypto.Identity, error) {
	var key age.Identity
	var err error
	switch private := privateKey.(type) {
	case *plugin.Identity:
		return &identity{key: private}, nil
	case *age.X25519Identity:
		key = private
	case *age.HybridIdentity:
		key = private
	case ed25519.PrivateKey:
		key, err = agessh.NewEd25519Identity(private)
	case *rsa.PrivateKey:
		if err := strength.RSA(&private.PublicKey); err != nil {
			return nil, err
		}
		key, err = agessh.NewRSAIdentity(private)
	default:
		return nil, fmt.Errorf("%w: age takes its own identities, which begin with AGE-, and Ed25519 and RSA keys of SSH, not %s", crypto.ErrUnsupportedKey, keys.PrivateKind(privateKey))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: age cannot use this SSH key", crypto.ErrUnsupportedKey)
	}
	public, err := keys.PublicOf(privateKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	id, err := keys.ID(public)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	return &identity{id: id, key: key}, nil
}

func (i *identity) KeyID() string { return i.id }

// Open takes both forms. An envelope that is not one, in its armor, its header
// or a stanza, is crypto.ErrMalformed, one for other recipients
// crypto.ErrNoMatch, and one whose header or payload was changed or cut off
// crypto.ErrDamaged. A changed stanza of the identity's own looks like one for
// another recipient.
func (i *identity) Open(envelope []byte) ([]byte, error) {
	r, err := openStream(bytes.NewReader(envelope), i)
	if err != nil {
		return nil, err
	}
	// As large as ReadFrom will want: a buffer that grows leaves copies behind.
	plaintext := make([]byte, 0, len(envelope)+bytes.MinRead)
	buf := bytes.NewBuffer(plaintext)
	if _, err := buf.ReadFrom(r); err != nil {
		clear(plaintext[:cap(plaintext)])
		return nil, err
	}
	return buf.Bytes(), nil
}

func openStream(envelope io.Reader, identities ...crypto.Identity) (io.Reader, error) {
	tried := &ring{}
	for _, one := range identities {
		member, ok := one.(*identity)
		if !ok {
			return nil, fmt.Errorf("%w: a %T is no identity of age", crypto.ErrUnsupportedKey, one)
		}
		tried.members = append(tried.members, member)
	}
	if len(tried.members) == 0 {
		return nil, fmt.Errorf("%w: there is no identity to open with", crypto.ErrUnsupportedKey)
	}
	src := &source{r: envelope}
	payload, err := age.Decrypt(dearmored(src), tried)
	switch {
	case err == nil:
		return &reader{payload: payload, src: src}, nil
	case src.err != nil:
		return nil, fmt.Errorf("read age envelope: %w", src.err)
	case tried.err != nil:
		return nil, tried.err
	case !tried.opened:
		return nil, fmt.Errorf("%w: age header cannot be read", crypto.ErrMalformed)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: it is cut off behind the age header", crypto.ErrMalformed)
	default:
		return nil, fmt.Errorf("%w: age header is changed", crypto.ErrDamaged)
	}
}

// ring is the identities that are tried as one, so that what goes wrong has a
// class, and a plugin that fails stops no other identity.
type ring struct {
	members []*identity
	// opened says that a stanza gave the file key.
	opened bool
	// err is why no stanza did; nil if Unwrap was not reached.
	err error
}

// Unwrap implements age.Identity. Plugins come last: they may ask for a touch.
func (r *ring) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	r.err = fmt.Errorf("%w: it is for other age recipients", crypto.ErrNoMatch)
	for _, plugins := range []bool{false, true} {
		for _, member := range r.members {
			if _, is := member.key.(*plugin.Identity); is != plugins {
				continue
			}
			fileKey, err := member.key.Unwrap(stanzas)
			switch {
			case err == nil:
				r.opened, r.err = true, nil
				return fileKey, nil
			case errors.Is(err, age.ErrIncorrectIdentity):
			case plugins:
				r.err = pluginError(err)
			default:
				r.err = fmt.Errorf("%w: a stanza of the age header is not as it must be", crypto.ErrMalformed)
				return nil, r.err
			}
		}
	}
	return nil, r.err
}

// source remembers an error of the envelope's reader, which is no fault of the
// envelope.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// reader is the payload, with errors of our classes.
type reader struct {
	payload io.Reader
	src     *source
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.payload.Read(p)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case r.src.err != nil:
		return n, fmt.Errorf("read age envelope: %w", r.src.err)
	case isArmorError(err):
		return n, errArmor
	default:
		return n, fmt.Errorf("%w: age payload is changed, cut off or followed by more", crypto.ErrDamaged)
	}
}
