package openpgp

import (
	"errors"
	"fmt"
	"sync"
	"time"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

type recipient struct {
	id string
	// mu guards certificate, in which choosing a key leaves notes.
	mu          sync.Mutex
	certificate *pgp.Entity
}

// newRecipient takes a certificate that can be sealed to now; Seal asks again.
func newRecipient(publicKey any) (crypto.Recipient, error) {
	entity, ok := publicKey.(*pgp.Entity)
	if !ok {
		return nil, fmt.Errorf("%w: openpgp takes OpenPGP certificates, not %s", crypto.ErrUnsupportedKey, keys.Kind(publicKey))
	}
	if entity == nil || entity.PrimaryKey == nil {
		return nil, fmt.Errorf("%w: OpenPGP certificate has no key", crypto.ErrUnsupportedKey)
	}
	if version := entity.PrimaryKey.Version; version != 4 && version != 6 {
		return nil, fmt.Errorf("%w: OpenPGP certificate of version %d; versions 4 and 6 are taken", crypto.ErrUnsupportedKey, version)
	}
	id, err := keys.ID(entity)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	certificate, err := publicCopy(entity)
	if err != nil {
		return nil, fmt.Errorf("%w: OpenPGP certificate cannot be written out: %w", crypto.ErrUnsupportedKey, err)
	}
	r := &recipient{id: id, certificate: certificate}
	if _, err := r.encryptionKey(time.Now()); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *recipient) KeyID() string { return r.id }

// Seal returns crypto.ErrForbidden once the certificate has expired.
func (r *recipient) Seal(plaintext []byte) ([]byte, error) { return sealTo(plaintext, r) }

// sealTo seals to all recipients at once. Post-quantum and other recipients are
// not mixed, since the weaker would open it for whoever breaks its key.
func sealTo(plaintext []byte, recipients ...crypto.Recipient) ([]byte, error) {
	switch n := len(recipients); {
	case n == 0:
		return nil, fmt.Errorf("%w: there is no recipient to seal to", crypto.ErrUnsupportedKey)
	case n > maxKeyPackets:
		return nil, fmt.Errorf("%w: an OpenPGP message has at most %d recipients; seal several", crypto.ErrForbidden, maxKeyPackets)
	}
	now := time.Now()
	var chosen []pgp.Key
	for _, other := range recipients {
		r, ok := other.(*recipient)
		if !ok {
			return nil, fmt.Errorf("%w: recipient %s is of another format than openpgp", crypto.ErrUnsupportedKey, other.KeyID())
		}
		key, err := r.encryptionKey(now)
		if err != nil {
			return nil, err
		}
		if len(chosen) > 0 && key.PublicKey.IsPQ() != chosen[0].PublicKey.IsPQ() {
			return nil, fmt.Errorf("%w: post-quantum and other recipients in one message; seal to them separately", crypto.ErrForbidden)
		}
		chosen = append(chosen, key)
	}
	return seal(plaintext, chosen)
}

// encryptionKey returns the key to seal to at that time: the newest that is
// bound to the certificate for encryption and neither expired nor revoked.
func (r *recipient) encryptionKey(now time.Time) (pgp.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, err := r.certificate.EncryptionKeyWithError(now, policy)
	if err != nil {
		return pgp.Key{}, fmt.Errorf("%w: OpenPGP certificate %x %s", crypto.ErrForbidden, r.certificate.PrimaryKey.Fingerprint, refusal(err))
	}
	if reason, weak := isWeak(key.PublicKey); weak {
		return pgp.Key{}, fmt.Errorf("%w: encryption key of OpenPGP certificate %x: %s; ask for a new one", crypto.ErrForbidden, r.certificate.PrimaryKey.Fingerprint, reason)
	}
	return key, nil
}

// refusal says in words why no key can be sealed to, and what to do.
func refusal(err error) string {
	if selection, ok := errors.AsType[pgperrors.ErrEncryptionKeySelection](err); ok {
		err = selection.PrimaryKeyErr
		if err == nil {
			err = selection.EncSelectionErr
		}
	} else if selection, ok := errors.AsType[*pgperrors.ErrEncryptionKeySelection](err); ok {
		err = selection.EncSelectionErr
	}
	switch {
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return "is revoked; ask its owner for a new one"
	case errors.Is(err, pgperrors.ErrKeyExpired):
		return "has expired or is not valid yet; ask its owner to extend it, with gpg --quick-set-expire"
	}
	if weak, ok := errors.AsType[pgperrors.WeakAlgorithmError](err); ok {
		return fmt.Sprintf("has a key that is too weak (%s); ask its owner for a new one", string(weak))
	}
	return "has no valid signature, made without SHA-1, on a key for encryption; ask its owner to add one, with gpg --quick-add-key"
}
