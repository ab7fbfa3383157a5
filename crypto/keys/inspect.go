package keys

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"

	"filippo.io/age"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"golang.org/x/crypto/ssh"
)

// Entry is one key that a file holds.
type Entry struct {
	// Public is the key, of a private key its public half.
	Public *Public
	// Private: the file has the private key.
	Private bool
	// Encrypted: the private key is protected by a password of its own.
	Encrypted bool
	// Keystore is "PKCS#12" or "JKS", and Alias the entry in it; both are empty
	// for what is in no keystore.
	Keystore, Alias string
}

// Inspect describes all the keys of a file, public and private ones, in their
// order; the private ones of a keystore stay closed if they have a certificate
// and there is no password. Its errors are those of ParsePublics and
// ParsePrivates, but not ErrPrivate. It returns all or none.
func Inspect(data []byte, options Options) ([]Entry, error) {
	items, err := read(data, options)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, item := range items {
		next, err := item.entries(options.Password != nil)
		if err != nil {
			return nil, err
		}
		entries = append(entries, next...)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrMalformed, describe(data))
	}
	return entries, nil
}

// entries describes the keys of an item, and compares a private key that comes
// with a certificate with it if it can be opened.
func (i item) entries(unlocked bool) ([]Entry, error) {
	entry := Entry{Private: i.privates != nil, Encrypted: i.encrypted, Keystore: i.keystore, Alias: i.alias}
	if i.publics != nil {
		publics, err := i.publics()
		switch {
		case errors.Is(err, ErrPrivate):
			return i.privateEntries(entry)
		case err != nil:
			return nil, err
		case i.keystore == "":
			entry.Private = false // It could have been either.
		case entry.Private && unlocked:
			if err := i.checkKey(publics[0]); err != nil {
				return nil, err
			}
		}
		return entry.of(publics), nil
	}
	return i.privateEntries(entry)
}

// of returns the entry for each of the keys.
func (e Entry) of(publics []*Public) []Entry {
	var entries []Entry
	for _, public := range publics {
		e.Public = public
		entries = append(entries, e)
	}
	return entries
}

func (i item) privateEntries(entry Entry) ([]Entry, error) {
	privates, err := i.privates()
	if err != nil {
		return nil, err
	}
	var publics []*Public
	for _, private := range privates {
		half, err := PublicOf(private)
		if err != nil {
			return nil, err
		}
		public := &Public{Key: half, Container: i.container}
		if entity, ok := half.(*openpgp.Entity); ok {
			public.setOpenPGPValidity(entity)
		}
		publics = append(publics, public)
	}
	return entry.of(publics), nil
}

func (i item) checkKey(certificate *Public) error {
	privates, err := i.privates()
	if err != nil {
		return err
	}
	if id, err := privateKeyID(privates[0]); err != nil || id != certificate.ID() {
		return fmt.Errorf("%w: the certificate of the keystore's entry %q is not that of its key", ErrMalformed, i.alias)
	}
	return nil
}

// Bits is the size of a public key: of an RSA key its modulus, of an EC key its
// field, of an OpenPGP key that of its primary key; 0 for a hybrid age key, which
// has two, for an age plugin's, and for any other type.
func Bits(publicKey any) int {
	switch key := publicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen()
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize
	case *secp256k1.PublicKey, ed25519.PublicKey, *ecdh.PublicKey, *age.X25519Recipient:
		return 256
	case *openpgp.Entity:
		bits, err := key.PrimaryKey.BitLength()
		if err != nil {
			return 0
		}
		return int(bits)
	}
	return 0
}

// SSHFingerprint is the fingerprint that ssh-keygen -l prints, "SHA256:" and
// base64, of an RSA, EC or Ed25519 key; empty for keys that SSH does not have.
func SSHFingerprint(publicKey any) string {
	key, err := ssh.NewPublicKey(publicKey)
	if err != nil {
		return ""
	}
	return ssh.FingerprintSHA256(key)
}
