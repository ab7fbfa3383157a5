package openpgp

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

type identity struct {
	id string
	// keys are those that decrypt, unlocked.
	keys []*packet.PrivateKey
}

// newIdentity takes an unlocked secret key. Expiry and revocation are for those
// who seal: what was sealed before is opened after.
func newIdentity(privateKey any) (crypto.Identity, error) {
	entity, ok := privateKey.(*pgp.Entity)
	if !ok || entity == nil || entity.PrimaryKey == nil {
		return nil, fmt.Errorf("%w: openpgp takes OpenPGP secret keys, not %s", crypto.ErrUnsupportedKey, keys.PrivateKind(privateKey))
	}
	id, err := keys.ID(entity)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	certificate, err := publicCopy(entity)
	if err != nil {
		return nil, fmt.Errorf("%w: OpenPGP key cannot be written out: %w", crypto.ErrUnsupportedKey, err)
	}
	found := &identity{id: id}
	var refused string
	for _, key := range certificate.DecryptionKeys(0, time.Time{}, nil) {
		private := privateOf(entity, key.PublicKey)
		if private == nil || private.Dummy() {
			continue
		}
		if private.Encrypted {
			return nil, fmt.Errorf("%w: the OpenPGP secret key is locked; read it with its password", crypto.ErrUnsupportedKey)
		}
		if reason, weak := isWeak(key.PublicKey); weak {
			refused = reason
			continue
		}
		found.keys = append(found.keys, private)
	}
	switch {
	case len(found.keys) > 0:
		return found, nil
	case refused != "":
		return nil, fmt.Errorf("%w: decryption key of OpenPGP key %x: %s", crypto.ErrForbidden, entity.PrimaryKey.Fingerprint, refused)
	}
	return nil, fmt.Errorf("%w: OpenPGP key %x has no private key for decryption", crypto.ErrUnsupportedKey, entity.PrimaryKey.Fingerprint)
}

// privateOf returns the private half of public; nil if entity does not have it.
func privateOf(entity *pgp.Entity, public *packet.PublicKey) *packet.PrivateKey {
	if bytes.Equal(entity.PrimaryKey.Fingerprint, public.Fingerprint) {
		return entity.PrivateKey
	}
	for _, subkey := range entity.Subkeys {
		if bytes.Equal(subkey.PublicKey.Fingerprint, public.Fingerprint) {
			return subkey.PrivateKey
		}
	}
	return nil
}

func (i *identity) KeyID() string { return i.id }

var errDamaged = fmt.Errorf("%w: OpenPGP message is changed or cut off", crypto.ErrDamaged)

// Open takes armor and raw messages. Where the message names the key, all that
// goes wrong from there on is crypto.ErrDamaged, in the same words: an answer
// that told bad padding from bad data would open messages for whoever may ask
// often enough (RFC 9580, sections 13.1 and 13.7). Where it names none and the
// key is RSA, it is crypto.ErrNoMatch, for the same reason.
func (i *identity) Open(envelope []byte) ([]byte, error) {
	_, m, err := read(envelope)
	if err != nil {
		return nil, err
	}
	if m.dataTag == tagUnprotected {
		return nil, fmt.Errorf("%w: OpenPGP message without integrity protection; have it sealed anew", crypto.ErrForbidden)
	}
	for _, wrapped := range m.keys {
		for _, key := range i.keys {
			if !isFor(wrapped, key) {
				continue
			}
			plaintext, err := m.open(wrapped, key)
			if unnamed := wrapped.KeyId == 0; unnamed && errors.Is(err, crypto.ErrNoMatch) {
				continue
			}
			return plaintext, err
		}
	}
	if len(m.keys) == 0 && m.password {
		return nil, fmt.Errorf("%w: the OpenPGP message is for a password, not for a key", crypto.ErrNoMatch)
	}
	return nil, fmt.Errorf("%w: it is for another OpenPGP key", crypto.ErrNoMatch)
}

// isFor says whether a session key is, or may be, for the private key.
func isFor(wrapped *packet.EncryptedKey, key *packet.PrivateKey) bool {
	switch {
	case wrapped.Algo != key.PubKeyAlgo:
		return false
	case wrapped.Version == 6 && wrapped.KeyVersion != 0:
		return bytes.Equal(wrapped.KeyFingerprint, key.Fingerprint)
	}
	return wrapped.KeyId == 0 || wrapped.KeyId == key.KeyId
}

// open unwraps the session key and opens the data.
func (m *message) open(wrapped *packet.EncryptedKey, key *packet.PrivateKey) ([]byte, error) {
	isRSA := wrapped.Algo == packet.PubKeyAlgoRSA || wrapped.Algo == packet.PubKeyAlgoRSAEncryptOnly
	failure := errDamaged
	if wrapped.KeyId == 0 {
		failure = fmt.Errorf("%w: it is for another OpenPGP key", crypto.ErrNoMatch)
	}
	cipher, sessionKey := packet.CipherAES256, make([]byte, packet.CipherAES256.KeySize())
	_, _ = rand.Read(sessionKey) // crypto/rand.Read fails never.
	err := wrapped.Decrypt(key, nil)
	switch {
	case err == nil:
		cipher, sessionKey = wrapped.CipherFunc, wrapped.Key
		defer clear(sessionKey)
	case !isRSA:
		// Key wrap authenticates (RFC 3394): an unknown cipher is no secret.
		if _, unknown := errors.AsType[pgperrors.UnsupportedError](err); unknown {
			return nil, fmt.Errorf("%w: OpenPGP message with a cipher other than AES", crypto.ErrForbidden)
		}
		return nil, failure
	}
	// With RSA a session key that could not be unwrapped is replaced by a random
	// one, so that the same work is done; one that the sender could guess would
	// open what he made with it, and tell him that the padding was bad.
	content, err := m.decrypt(cipher, sessionKey)
	if err != nil {
		if errors.Is(err, errDamaged) && isRSA {
			return nil, failure
		}
		return nil, err
	}
	defer clear(content)
	if wrapped.Version == 3 && !isAES(cipher) {
		return nil, fmt.Errorf("%w: OpenPGP message with a cipher other than AES", crypto.ErrForbidden)
	}
	return literal(content)
}

func isAES(cipher packet.CipherFunction) bool {
	return cipher == packet.CipherAES128 || cipher == packet.CipherAES192 || cipher == packet.CipherAES256
}
