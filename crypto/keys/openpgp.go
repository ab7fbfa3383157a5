package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

const (
	// maxOpenPGP bounds a key file: a certificate that hundreds of people
	// signed has a few hundred KiB.
	maxOpenPGP = 4 << 20
	// maxArgon2Memory bounds what unlocking a key can ask for, as an exponent
	// of KiB: 2 GiB, the most that RFC 9106, section 4, recommends.
	maxArgon2Memory = 21
)

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

func (u *unlocker) unlock(entity *openpgp.Entity) error {
	locked := false
	for _, key := range privateKeys(entity) {
		if key.Dummy() || !key.Encrypted {
			continue
		}
		if u.password == nil {
			return errNoPassword
		}
		locked = true
		if err := u.workOpenPGP(key); err != nil {
			return err
		}
	}
	if locked && entity.DecryptPrivateKeys(u.password) != nil {
		return errWrongPassword
	}
	return nil
}

// workOpenPGP counts the work of unlocking one key. Iterated hashing can ask for
// no more than 62 MiB (RFC 9580, section 3.7.1.3).
func (u *unlocker) workOpenPGP(key *packet.PrivateKey) error {
	passes, memory, err := argon2(key)
	if err != nil || memory > maxArgon2Memory {
		return fmt.Errorf("%w: unlocking the OpenPGP key takes more than 2 GiB of memory; protect it anew with less", ErrUnsupported)
	}
	if passes == 0 {
		return u.work(roundsPerIterated)
	}
	return u.work(int64(passes) << memory * roundsPerArgon2)
}

// argon2 returns the passes and the encoded memory size of the key's
// string-to-key specifier (RFC 9580, section 3.7.1.4), 0 if it is another one.
// The library checks them against the specification only, which allows 2 TiB;
// they are read from the packet (section 5.5.3), behind the public part.
func argon2(key *packet.PrivateKey) (passes, memory byte, err error) {
	secret, err := contents(key)
	if err != nil {
		return 0, 0, err
	}
	public, err := contents(&key.PublicKey)
	if err != nil {
		return 0, 0, err
	}
	const usageAEAD, argon2, salt = 253, 4, 16
	rest := secret[min(len(public), len(secret)):]
	if len(rest) == 0 || rest[0] != usageAEAD {
		return 0, 0, nil
	}
	skip := 3 // usage, cipher, mode
	if key.Version == 6 {
		skip += 2 // lengths of what follows and of the specifier
	}
	// The specifier: its kind, salt, passes, lanes, memory.
	if len(rest) < skip+1+salt+3 || rest[skip] != argon2 {
		return 0, 0, nil
	}
	return rest[skip+1+salt], rest[skip+1+salt+2], nil
}

// contents returns the body of a packet.
func contents(p interface{ Serialize(io.Writer) error }) ([]byte, error) {
	var buf bytes.Buffer
	if err := p.Serialize(&buf); err != nil {
		return nil, err
	}
	opaque, err := packet.NewOpaqueReader(&buf).Next()
	if err != nil {
		return nil, err
	}
	return opaque.Contents, nil
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

func (p *Public) setOpenPGPValidity(entity *openpgp.Entity) {
	p.NotBefore, p.NotAfter = openPGPValidity(entity, time.Now())
}

// openPGPValidity returns when the certificate can be sealed to: the bounds of
// its encryption key, of its primary key and of their self-signatures (RFC 9580,
// sections 5.2.3.13 and 5.2.3.18), or its creation and its revocation. notAfter
// is zero if neither ends it.
func openPGPValidity(entity *openpgp.Entity, now time.Time) (notBefore, notAfter time.Time) {
	notBefore = entity.PrimaryKey.CreationTime
	key, usable := entity.EncryptionKey(now, nil)
	if !usable { // Any time: it may be expired, or not yet valid.
		key, usable = entity.EncryptionKey(time.Time{}, nil)
	}
	if !usable {
		return notBefore, revocation(entity)
	}
	bound := func(created time.Time, lifetime *uint32) {
		if created.After(notBefore) {
			notBefore = created
		}
		if lifetime == nil || *lifetime == 0 {
			return
		}
		if end := created.Add(time.Duration(*lifetime) * time.Second); notAfter.IsZero() || end.Before(notAfter) {
			notAfter = end
		}
	}
	bound(entity.PrimaryKey.CreationTime, key.PrimarySelfSignature.KeyLifetimeSecs)
	bound(key.PrimarySelfSignature.CreationTime, key.PrimarySelfSignature.SigLifetimeSecs)
	bound(key.PublicKey.CreationTime, key.SelfSignature.KeyLifetimeSecs)
	bound(key.SelfSignature.CreationTime, key.SelfSignature.SigLifetimeSecs)
	if direct, err := entity.LatestValidDirectSignature(now, nil); err == nil {
		bound(entity.PrimaryKey.CreationTime, direct.KeyLifetimeSecs)
	}
	return notBefore, notAfter
}

// revocation returns when the last of the entity's keys was revoked; zero if
// none was. The library has verified the signatures whose Valid is set.
func revocation(entity *openpgp.Entity) (at time.Time) {
	revocations := entity.Revocations
	for _, subkey := range entity.Subkeys {
		revocations = append(revocations[:len(revocations):len(revocations)], subkey.Revocations...)
	}
	for _, signature := range revocations {
		if signature.Valid != nil && *signature.Valid && signature.Packet.CreationTime.After(at) {
			at = signature.Packet.CreationTime
		}
	}
	return at
}
