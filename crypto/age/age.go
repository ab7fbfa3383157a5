// Package age seals and opens with age (https://age-encryption.org/v1), for
// X25519 and for hybrid post-quantum recipients. Envelopes are what the age
// command writes and reads: binary, authenticated as a whole, for one
// recipient each.
package age

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// Format is the age format.
var Format = crypto.Format{
	Name:      "age",
	Extension: ".age",
	Recipient: newRecipient,
	Identity:  newIdentity,
	Detect: func(data []byte) bool {
		return isArmored(data) || bytes.HasPrefix(data, []byte("age-encryption.org/v1\n"))
	},
}

type recipient struct {
	id  string
	key age.Recipient
}

func newRecipient(publicKey any) (crypto.Recipient, error) {
	switch key := publicKey.(type) {
	case *age.X25519Recipient, *age.HybridRecipient:
		id, err := keys.ID(key)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
		}
		return &recipient{id: id, key: key.(age.Recipient)}, nil
	}
	return nil, fmt.Errorf("%w: age takes recipients that begin with age1, not %s", crypto.ErrUnsupportedKey, keys.Kind(publicKey))
}

func (r *recipient) KeyID() string { return r.id }

func (r *recipient) Seal(plaintext []byte) ([]byte, error) {
	var envelope bytes.Buffer
	w, err := age.Encrypt(&envelope, r.key)
	if err != nil {
		return nil, fmt.Errorf("seal with age: %w", err)
	}
	if _, err := w.Write(plaintext); err != nil {
		return nil, fmt.Errorf("seal with age: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal with age: %w", err)
	}
	return envelope.Bytes(), nil
}

type identity struct {
	id  string
	key age.Identity
}

func newIdentity(privateKey any) (crypto.Identity, error) {
	switch key := privateKey.(type) {
	case *age.X25519Identity, *age.HybridIdentity:
		public, err := keys.PublicOf(key)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
		}
		id, err := keys.ID(public)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
		}
		return &identity{id: id, key: key.(age.Identity)}, nil
	}
	return nil, fmt.Errorf("%w: age takes identities that begin with AGE-SECRET-KEY-, not a %T", crypto.ErrUnsupportedKey, privateKey)
}

func (i *identity) KeyID() string { return i.id }

// Open takes armored envelopes too, though Seal writes none. An envelope whose
// header cannot be read is crypto.ErrMalformed, one for other recipients
// crypto.ErrNoMatch; whatever fails after that is crypto.ErrDamaged.
func (i *identity) Open(envelope []byte) ([]byte, error) {
	if isArmored(envelope) {
		var err error
		if envelope, err = io.ReadAll(armor.NewReader(bytes.NewReader(envelope))); err != nil {
			return nil, fmt.Errorf("%w: armor cannot be read", crypto.ErrMalformed)
		}
	}
	if _, err := age.ExtractHeader(bytes.NewReader(envelope)); err != nil {
		return nil, fmt.Errorf("%w: age header cannot be read", crypto.ErrMalformed)
	}
	r, err := age.Decrypt(bytes.NewReader(envelope), i.key)
	if err != nil {
		if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
			return nil, fmt.Errorf("%w: it is for another age recipient", crypto.ErrNoMatch)
		}
		return nil, fmt.Errorf("%w: age header is changed or cut off", crypto.ErrDamaged)
	}
	// As large as ReadFrom will want: a buffer that grows leaves copies behind.
	plaintext := make([]byte, 0, len(envelope)+bytes.MinRead)
	buf := bytes.NewBuffer(plaintext)
	if _, err := buf.ReadFrom(r); err != nil {
		clear(plaintext[:cap(plaintext)])
		return nil, fmt.Errorf("%w: age payload is changed, cut off or followed by more", crypto.ErrDamaged)
	}
	return buf.Bytes(), nil
}

func isArmored(data []byte) bool {
	return bytes.HasPrefix(data, []byte(armor.Header))
}
