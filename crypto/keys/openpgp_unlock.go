package keys

import (
	"bytes"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// maxArgon2Memory bounds what unlocking a key can ask for, as an exponent of
// KiB: 2 GiB, the most that RFC 9106, section 4, recommends.
const maxArgon2Memory = 21

// unlock decrypts the secret keys of entity that a password protects.
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
