package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// maxOpenPGP bounds a key file: a certificate that hundreds of people signed has a
// few hundred KiB.
const maxOpenPGP = 4 << 20

// looksLikeOpenPGP says whether data has an armored block of OpenPGP (RFC 9580,
// section 6.2) or begins with the packet of a primary key (section 4.2). No DER
// and no text begins so.
func looksLikeOpenPGP(data []byte) bool {
	if bytes.Contains(data, []byte("-----BEGIN PGP ")) {
		return true
	}
	if len(data) == 0 {
		return false
	}
	var version int // where the packet's version is
	switch header := data[0]; {
	case header >= 0x94 && header <= 0x96, header >= 0x98 && header <= 0x9a: // secret key, public key; old form
		version = 1 + 1<<(header&3)
	case header == 0xc5, header == 0xc6: // the same in the new form
		version = 2
		if len(data) > 1 && data[1] >= 192 {
			version = 3
		}
		if len(data) > 1 && data[1] == 255 {
			version = 6
		}
	default:
		return false
	}
	return len(data) > version && data[version] >= 2 && data[version] <= 6
}

// parseOpenPGP reads the certificates ("public keys") of data. Errors wrap
// ErrMalformed, ErrUnsupported, or ErrPrivate for a secret key.
func parseOpenPGP(data []byte) ([]*Public, error) {
	entities, err := readOpenPGP(data)
	if err != nil {
		return nil, err
	}
	var publics []*Public
	for _, entity := range entities {
		if isSecret(entity) {
			return nil, fmt.Errorf("%w: the file has an OpenPGP secret key; give what gpg --export writes", ErrPrivate)
		}
		public := &Public{Key: entity, Container: OpenPGPCert}
		public.setOpenPGPValidity(entity)
		publics = append(publics, public)
	}
	return publics, nil
}

// parsePrivateOpenPGP reads the secret keys of data, each a *openpgp.Entity
// whose private subkeys are decrypted with the password. Parts that are elsewhere,
// as gpg leaves them out of an export of subkeys, are no error.
func parsePrivateOpenPGP(data []byte, with *unlocker) ([]any, error) {
	entities, err := readOpenPGP(data)
	if err != nil {
		return nil, err
	}
	var found []any
	for _, entity := range entities {
		if !isSecret(entity) {
			return nil, fmt.Errorf("%w: the file has an OpenPGP certificate; give what gpg --export-secret-keys writes", ErrMalformed)
		}
		if err := with.unlock(entity); err != nil {
			return nil, err
		}
		found = append(found, entity)
	}
	return found, nil
}

// isEncryptedOpenPGP says whether a password protects any of the secret keys.
func isEncryptedOpenPGP(data []byte) bool {
	entities, err := readOpenPGP(data)
	return err == nil && slices.ContainsFunc(entities, func(entity *openpgp.Entity) bool {
		return slices.ContainsFunc(privateKeys(entity), func(key *packet.PrivateKey) bool { return key.Encrypted && !key.Dummy() })
	})
}

// isSecret says whether any part of entity is private.
func isSecret(entity *openpgp.Entity) bool { return len(privateKeys(entity)) > 0 }

func privateKeys(entity *openpgp.Entity) []*packet.PrivateKey {
	var found []*packet.PrivateKey
	if entity.PrivateKey != nil {
		found = append(found, entity.PrivateKey)
	}
	for _, subkey := range entity.Subkeys {
		if subkey.PrivateKey != nil {
			found = append(found, subkey.PrivateKey)
		}
	}
	return found
}

// readOpenPGP reads all keys of data, one or more, and nothing else.
func readOpenPGP(data []byte) ([]*openpgp.Entity, error) {
	if len(data) > maxOpenPGP {
		return nil, fmt.Errorf("%w: the OpenPGP key has more than %d MiB", ErrMalformed, maxOpenPGP>>20)
	}
	raw := data
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		var err error
		if raw, err = dearmor(data); err != nil {
			return nil, err
		}
		defer clear(raw)
	}
	packets := packet.NewReader(bytes.NewReader(raw))
	var entities []*openpgp.Entity
	for {
		entity, err := openpgp.ReadEntity(packets)
		switch {
		case errors.Is(err, io.EOF) && entities != nil:
			return entities, nil
		case err != nil:
			if _, ok := errors.AsType[pgperrors.UnsupportedError](err); ok {
				return nil, fmt.Errorf("%w: the OpenPGP key has a version or algorithm that is not read", ErrUnsupported)
			}
			return nil, fmt.Errorf("%w: the OpenPGP key is damaged, cut off or followed by something else", ErrMalformed)
		}
		entities = append(entities, entity)
	}
}

// dearmor returns what the armored key in data holds; the caller wipes it.
func dearmor(data []byte) ([]byte, error) {
	if bytes.Count(data, []byte("-----BEGIN ")) != 1 || bytes.Count(data, []byte("-----END PGP ")) != 1 {
		return nil, fmt.Errorf("%w: the file is not one whole armored OpenPGP key", ErrMalformed)
	}
	block, err := armor.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: armor of the OpenPGP key is damaged", ErrMalformed)
	}
	switch whole := bytes.Contains(data, []byte("-----END "+block.Type+"-----")); block.Type {
	case openpgp.PublicKeyType, openpgp.PrivateKeyType:
		if !whole {
			return nil, fmt.Errorf("%w: armor of the OpenPGP key is cut off", ErrMalformed)
		}
	case openpgp.MessageType:
		return nil, fmt.Errorf("%w: the file is an OpenPGP message, not a key", ErrMalformed)
	default:
		return nil, fmt.Errorf("%w: the file is OpenPGP, but not a key", ErrMalformed)
	}
	raw := bytes.NewBuffer(make([]byte, 0, len(data)))
	if _, err := raw.ReadFrom(block.Body); err != nil {
		clear(raw.Bytes())
		return nil, fmt.Errorf("%w: armor of the OpenPGP key is damaged", ErrMalformed)
	}
	return raw.Bytes(), nil
}
