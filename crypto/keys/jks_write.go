package keys

import (
	"crypto/rand"
	"crypto/subtle"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// jksRaw is an entry of a JKS keystore as it stands there.
type jksRaw struct {
	alias string
	bytes []byte
}

// changeJKS is ChangeKeystore for JKS.
func changeJKS(data, password []byte, change KeystoreChange) ([]byte, error) {
	with := &unlocker{password: password}
	if _, err := readJKS(data, with); err != nil { // It checks the digest, too.
		return nil, err
	}
	input := cryptobyte.String(data[4 : len(data)-jksSHA1])
	var version, count uint32
	if !input.ReadUint32(&version) || !input.ReadUint32(&count) {
		return nil, errJKS
	}
	if version != 2 {
		return nil, fmt.Errorf("%w: the JKS keystore is of version %d, which only old Java writes; convert it with keytool -importkeystore", ErrUnsupported, version)
	}
	var entries []jksRaw
	for range count {
		before := input
		entry, ok := readJKSEntry(&input, version, with)
		if !ok {
			return nil, errJKS
		}
		entries = append(entries, jksRaw{entry.alias, before[:len(before)-len(input)]})
	}
	kept := entries[:0]
	for _, entry := range entries {
		if !strings.EqualFold(entry.alias, change.Alias) {
			kept = append(kept, entry)
		}
	}
	if len(change.Certificates) == 0 {
		return writeJKS(kept, password), nil
	}
	added, err := newJKSEntry(change, password)
	if err != nil {
		return nil, err
	}
	return writeJKS(append(kept, added), password), nil
}

// newJKSEntry is the entry of a change. Java has aliases in lower case.
func newJKSEntry(change KeystoreChange, password []byte) (jksRaw, error) {
	chain, err := change.chainOf()
	if err != nil {
		return jksRaw{}, err
	}
	var key []byte
	if change.Private != nil {
		plain, err := marshalPKCS8(change.Private)
		if err != nil {
			return jksRaw{}, err
		}
		defer clear(plain)
		if key, err = protectJKSKey(plain, password); err != nil {
			return jksRaw{}, err
		}
	}
	alias := strings.ToLower(change.Alias)
	entry := build(func(b *cryptobyte.Builder) {
		tag := uint32(2)
		if key != nil {
			tag = 1
		}
		b.AddUint32(tag)
		addJKSString(b, alias)
		b.AddUint64(uint64(time.Now().UnixMilli()))
		if key != nil {
			addJKSBytes(b, key)
			b.AddUint32(uint32(len(chain)))
		}
		for _, certificate := range chain {
			addJKSString(b, "X.509")
			addJKSBytes(b, certificate)
		}
	})
	return jksRaw{alias, entry}, nil
}

func addJKSString(b *cryptobyte.Builder, text string) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
}

func addJKSBytes(b *cryptobyte.Builder, data []byte) {
	b.AddUint32LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(data) })
}

// writeJKS is a keystore of version 2 with its digest.
func writeJKS(entries []jksRaw, password []byte) []byte {
	body := build(func(b *cryptobyte.Builder) {
		b.AddUint32(jksMagic)
		b.AddUint32(2)
		b.AddUint32(uint32(len(entries)))
		for _, entry := range entries {
			b.AddBytes(entry.bytes)
		}
	})
	return append(body, jksDigest(password, []byte("Mighty Aphrodite"), body)...)
}

// protectJKSKey is the opposite of openJKSKey.
func protectJKSKey(plain, password []byte) ([]byte, error) {
	salt := make([]byte, jksSHA1)
	_, _ = rand.Read(salt) // It never fails.
	sealed := append([]byte{}, plain...)
	chained := salt
	for i := 0; i < len(sealed); i += jksSHA1 {
		chained = jksDigest(password, chained)
		subtle.XORBytes(sealed[i:], sealed[i:], chained)
	}
	data := append(append(append([]byte{}, salt...), sealed...), jksDigest(password, plain)...)
	return asn1.Marshal(encryptedPKCS8{pkix.AlgorithmIdentifier{Algorithm: parseOID(jksKeyOID), Parameters: asn1.NullRawValue}, data})
}
