package keys

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // The format knows no other.
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

// The Java keystore format (JKS) is that of the JDK's sun.security.provider
// classes JavaKeyStore and KeyProtector, which are its specification. It is read
// here, because the library for it allocates what a damaged length asks for, up
// to a crash, and takes passwords for ASCII.
const (
	jksMagic  = 0xfeedfeed
	jksSHA1   = 20
	jksKeyOID = "1.3.6.1.4.1.42.2.17.1.1"
	jksName   = "JKS"
)

func isJKS(data []byte) bool { return len(data) >= 4 && binary.BigEndian.Uint32(data) == jksMagic }

// errJKSKey: the digest of the whole has shown that the password is the store's.
var errJKSKey = fmt.Errorf("%w: the password is that of the JKS keystore, but its key has another; make them the same with keytool -keypasswd", ErrPassword)

var errJKS = fmt.Errorf("%w: the JKS keystore is damaged or cut off", ErrMalformed)

// readJKS returns the entries of a keystore. Without a password its integrity is
// not checked and its private keys stay closed, as keytool has it.
func readJKS(data []byte, with *unlocker) ([]item, error) {
	if len(data) < jksSHA1 {
		return nil, errJKS
	}
	body, digest := data[:len(data)-jksSHA1], data[len(data)-jksSHA1:]
	if with.password != nil {
		sum := jksDigest(with.password, []byte("Mighty Aphrodite"), body)
		if subtle.ConstantTimeCompare(sum, digest) != 1 {
			return nil, errWrongPassword
		}
	}
	input := cryptobyte.String(body[4:])
	var version, count uint32
	if !input.ReadUint32(&version) || version < 1 || version > 2 || !input.ReadUint32(&count) {
		return nil, errJKS
	}
	var items []item
	for range count {
		entry, ok := readJKSEntry(&input, version, with)
		if !ok {
			return nil, errJKS
		}
		items = append(items, entry)
	}
	if !input.Empty() {
		return nil, errJKS
	}
	return items, nil
}

func readJKSEntry(input *cryptobyte.String, version uint32, with *unlocker) (item, bool) {
	var tag uint32
	var alias, key []byte
	var created uint64
	if !input.ReadUint32(&tag) || !readJKSString(input, &alias) || !input.ReadUint64(&created) {
		return item{}, false
	}
	entry := storeEntry{keystore: jksName, alias: string(alias), encrypted: true}
	count := uint32(1)
	switch tag {
	case 1: // a private key and its chain
		if !readJKSBytes(input, &key) || !input.ReadUint32(&count) {
			return item{}, false
		}
		entry.private = func() (any, error) {
			der, err := openJKSKey(key, with.password)
			return parseDecrypted(der, err, parsePKCS8)
		}
	case 2: // a trusted certificate
	default:
		return item{}, false
	}
	for range count {
		var kind, certificate []byte
		if version == 2 && !readJKSString(input, &kind) || !readJKSBytes(input, &certificate) {
			return item{}, false
		}
		entry.chain = append(entry.chain, certificate)
	}
	return entry.item(), true
}

func readJKSString(input *cryptobyte.String, out *[]byte) bool {
	var length uint16
	return input.ReadUint16(&length) && input.ReadBytes(out, int(length))
}

func readJKSBytes(input *cryptobyte.String, out *[]byte) bool {
	var length uint32
	return input.ReadUint32(&length) && length <= maxSize && input.ReadBytes(out, int(length))
}

// openJKSKey opens a key as KeyProtector protects it: XORed with a chain of
// SHA-1 digests of the password and the one before, salt first, and followed by
// a digest of password and key. The caller wipes what it returns.
func openJKSKey(der, password []byte) ([]byte, error) {
	if password == nil {
		return nil, errNoPassword
	}
	var info encryptedPKCS8
	if !unmarshal(der, &info) || info.Algorithm.Algorithm.String() != jksKeyOID || len(info.Data) <= 2*jksSHA1 {
		return nil, fmt.Errorf("%w: the private key in the JKS keystore is damaged", ErrMalformed)
	}
	chained, rest := info.Data[:jksSHA1], info.Data[jksSHA1:]
	key, digest := rest[:len(rest)-jksSHA1], rest[len(rest)-jksSHA1:]
	for i := 0; i < len(key); i += jksSHA1 {
		chained = jksDigest(password, chained)
		subtle.XORBytes(key[i:], key[i:], chained)
	}
	if subtle.ConstantTimeCompare(jksDigest(password, key), digest) != 1 {
		clear(key)
		return nil, errJKSKey
	}
	return key, nil
}

// jksDigest is SHA-1 over the password's UTF-16 characters and then the parts.
func jksDigest(password []byte, parts ...[]byte) []byte {
	utf16 := bmpPassword(password)
	defer clear(utf16)
	sum := sha1.New() //nolint:gosec // The format knows no other.
	sum.Write(utf16[:len(utf16)-2])
	sum.Write(bytes.Join(parts, nil))
	return sum.Sum(nil)
}
