package keys

import "fmt"

const (
	// maxRounds bounds the work that one encrypted key can ask for, in rounds of
	// PBKDF2. OpenSSL writes 2048, today's advice is 600,000.
	maxRounds = 10_000_000
	// roundsPerBcrypt is what one round of OpenSSH's bcrypt takes beside one of
	// PBKDF2. ssh-keygen writes 16 or 24 of them.
	roundsPerBcrypt = 10_000
	// roundsPerArgon2 is the same for a pass of Argon2 over 1 KiB, and
	// roundsPerIterated for the most that OpenPGP's iterated hashing can take.
	roundsPerArgon2   = 2
	roundsPerIterated = 500_000
)

// maxFileRounds bounds the work for all the keys of a file: some 20 s. Only the
// fuzz targets, which have less time, change it.
var maxFileRounds int64 = 5 * maxRounds

var errTooMuchWork = fmt.Errorf("%w: the password's derivation asks for too much work, or for none; %d rounds are the most", ErrMalformed, maxRounds)

// unlocker opens what a password protects in one file, in bounded time.
type unlocker struct {
	password []byte
	spent    int64
}

// work counts rounds of key derivation before they are done.
func (u *unlocker) work(rounds int64) error {
	if rounds < 1 || rounds > maxRounds || u.spent+rounds > maxFileRounds {
		return errTooMuchWork
	}
	u.spent += rounds
	return nil
}
