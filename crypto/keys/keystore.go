package keys

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"strings"
)

// storeEntry is an entry of a keystore.
type storeEntry struct {
	keystore, alias string
	// chain are the entry's certificates as DER, the key's own first; empty if
	// the key has none.
	chain [][]byte
	// private opens the key; nil for a trusted certificate.
	private   func() (any, error)
	encrypted bool
}

func (e storeEntry) item() item {
	entry := item{
		name:      fmt.Sprintf("a %s keystore with trusted certificates only", e.keystore),
		container: PKCS8,
		keystore:  e.keystore,
		alias:     e.alias,
	}
	if e.private != nil {
		entry.name = fmt.Sprintf("a %s keystore with a private key but no certificate", e.keystore)
		entry.encrypted = e.encrypted
		entry.privates = func() ([]any, error) { return one(e.private()) }
	}
	if len(e.chain) > 0 {
		entry.publics = func() ([]*Public, error) { return one(e.certificate()) }
	}
	return entry
}

func (e storeEntry) certificate() (*Public, error) {
	// The file may be wiped after it was read.
	public, err := parseCertificate(bytes.Clone(e.chain[0]), false)
	if err != nil {
		return nil, err
	}
	for _, der := range e.chain[1:] {
		// As in a PEM file, what cannot be parsed is no use as an intermediate.
		if certificate, err := x509.ParseCertificate(bytes.Clone(der)); err == nil {
			public.Intermediates = append(public.Intermediates, certificate)
		}
	}
	return public, nil
}

// pick returns the entries of a keystore that alias means, in upper or lower
// case as keytool has it.
func pick(entries []item, alias string) ([]item, error) {
	if alias == "" {
		return entries, nil
	}
	var found []item
	var names []string
	for _, entry := range entries {
		if strings.EqualFold(entry.alias, alias) {
			found = append(found, entry)
		}
		names = append(names, fmt.Sprintf("%q", entry.alias))
	}
	if found == nil {
		return nil, fmt.Errorf("%w: the keystore has no entry of that alias; there are %s", ErrMalformed, strings.Join(names, ", "))
	}
	return found, nil
}
