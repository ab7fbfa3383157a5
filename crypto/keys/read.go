package keys

import (
	"bytes"
	"fmt"
	"slices"
)

// maxSize bounds a key file. The largest that are in use, keystores with the
// certificates of all the world's authorities, have some 200 KiB.
const maxSize = 4 << 20

// item is one thing that a file holds. Its functions read it; a nil one means
// that it cannot be that.
type item struct {
	// name is what it is, with its article, for errors.
	name      string
	container Container
	encrypted bool
	// keystore and alias are empty unless it came in a keystore.
	keystore, alias string
	publics         func() ([]*Public, error)
	privates        func() ([]any, error)
}

// read finds what data is by its content and returns what it holds, without
// reading that yet. The functions of the items use data and wipe nothing.
func read(data []byte, options Options) ([]item, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("%w: the file has more than %d MiB, which no key has", ErrMalformed, maxSize>>20)
	}
	data = bytes.TrimPrefix(data, byteOrderMark)
	with := &unlocker{password: options.Password}
	store, known := keystore(data)
	switch {
	case known:
		items, err := store(data, with)
		if err != nil {
			return nil, err
		}
		return pick(items, options.Alias)
	case options.Alias != "":
		return nil, fmt.Errorf("%w: an alias is given, but the file is no PKCS#12 or JKS keystore", ErrMalformed)
	case looksLikeOpenPGP(data):
		return []item{openPGPItem(data, with)}, nil
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return readPEM(data, with)
	case len(data) > 1 && data[0] == 0x30 && shapeOf(data) != "":
		return readDER(data, with)
	case looksLikeJWK(data):
		return []item{jwkItem(data)}, nil
	}
	return readText(data, with, options)
}

// keystore returns the reader of the keystore that data is, if it is one.
func keystore(data []byte) (func([]byte, *unlocker) ([]item, error), bool) {
	switch {
	case isJKS(data):
		return readJKS, true
	case isPKCS12(data):
		return readPKCS12, true
	}
	return nil, false
}

func openPGPItem(data []byte, with *unlocker) item {
	return item{
		name:      "an OpenPGP key",
		container: OpenPGPCert,
		encrypted: isEncryptedOpenPGP(data),
		publics:   func() ([]*Public, error) { return parseOpenPGP(data) },
		privates:  func() ([]any, error) { return parsePrivateOpenPGP(data, with) },
	}
}

func jwkItem(data []byte) item {
	return item{
		name:      "a JWK",
		container: JWK,
		publics:   func() ([]*Public, error) { return parseJWKs(data) },
		privates:  func() ([]any, error) { return parsePrivateJWKs(data) },
	}
}

// one makes a list of the one thing that was read.
func one[T any](thing T, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	return []T{thing}, nil
}

// publicItem is an item that holds one public key.
func publicItem(name string, container Container, parse func() (any, error)) item {
	return item{name: name, container: container, publics: func() ([]*Public, error) {
		key, err := parse()
		if err != nil {
			return nil, err
		}
		return []*Public{{Key: key, Container: container}}, nil
	}}
}

// privateItem is an item that holds one private key.
func privateItem(name string, container Container, parse func() (any, error)) item {
	return item{name: name, container: container, privates: func() ([]any, error) { return one(parse()) }}
}

// ParsePublics reads all the public keys of a file, in their order: those that
// ParsePublic reads, several of them too. The certificates of a PEM file are one
// chain, whose key is the first one's, and a public key beside it is left out if
// it is the same. Errors are those of ParsePublic, and ErrPassword for a
// keystore that cannot be opened. It returns all or none.
func ParsePublics(data []byte, options Options) ([]*Public, error) {
	items, err := read(data, options)
	if err != nil {
		return nil, err
	}
	var publics []*Public
	var private string
	for _, item := range items {
		if item.publics == nil {
			private = item.name
			continue
		}
		next, err := item.publics()
		if err != nil {
			return nil, err
		}
		publics = append(publics, next...)
	}
	switch {
	case len(publics) > 0:
		return withoutBare(publics), nil
	case private != "":
		return nil, fmt.Errorf("%w: the file has %s; give the certificate or public key that belongs to it", ErrPrivate, private)
	}
	return nil, fmt.Errorf("%w: %s", ErrMalformed, describe(data))
}

// withoutBare leaves out the bare public keys of which there are certificates.
func withoutBare(publics []*Public) []*Public {
	certified := map[string]bool{}
	for _, public := range publics {
		if public.CertificateDER != nil {
			certified[public.ID()] = true
		}
	}
	return slices.DeleteFunc(publics, func(public *Public) bool {
		return public.CertificateDER == nil && certified[public.ID()]
	})
}

// ParsePrivates reads all the private keys of a file, in their order: those that
// ParsePrivate reads, several of them too, and those of a keystore. Its errors
// are those of ParsePrivate. It returns all or none.
func ParsePrivates(data []byte, options Options) ([]any, error) {
	items, err := read(data, options)
	if err != nil {
		return nil, err
	}
	var privates []any
	var public string
	for _, item := range items {
		if item.privates == nil {
			public = item.name
			continue
		}
		next, err := item.privates()
		if err != nil {
			return nil, err
		}
		privates = append(privates, next...)
	}
	switch {
	case len(privates) > 0:
		return privates, nil
	case public != "":
		return nil, fmt.Errorf("%w: the file has %s; give the private key that belongs to it", ErrMalformed, public)
	}
	return nil, fmt.Errorf("%w: %s", ErrMalformed, describe(data))
}
