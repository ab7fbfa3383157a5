// Package bundle reads the file that an entry of a store is made of: a certificate,
// those that it was issued by, and its private key.
package bundle

import (
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// Options are what reading a bundle may need besides it. The zero value reads one
// certificate with its private key.
type Options struct {
	// Password opens what is encrypted; nil means that there is none, which for a
	// PKCS#12 keystore is an empty one too. The caller wipes it.
	Password []byte
	// Entry is the alias that is meant in a keystore with several, in upper or lower
	// case; empty means that there is only one.
	Entry string
	// NoPrivate reads the certificates only, whether or not there is a private key.
	NoPrivate bool
}

// Parse reads PKCS#12, JKS or PEM: the private key, in a type that keys.MarshalPrivate
// takes, nil with NoPrivate, and its certificate with those it was issued by, as PEM, its
// own first. Of several it takes none. Errors are those of keys.ParsePublics and
// keys.ParsePrivates, and keys.ErrMalformed for what is not one certificate with one key;
// none holds anything of a private key or password. The caller wipes data.
func Parse(data []byte, options Options) (private any, certificates []byte, err error) {
	with := keys.Options{Password: options.Password, Alias: options.Entry}
	private, certificates, err = parse(data, with, options.NoPrivate)
	if options.Password == nil && errors.Is(err, keys.ErrPassword) {
		with.Password = []byte{}
		private, certificates, err = parse(data, with, options.NoPrivate)
	}
	return private, certificates, err
}

func parse(data []byte, with keys.Options, noPrivate bool) (private any, certificates []byte, err error) {
	publics, err := keys.ParsePublics(data, with)
	if err != nil {
		return nil, nil, err
	}
	if !noPrivate {
		privates, err := keys.ParsePrivates(data, with)
		if err != nil {
			return nil, nil, err
		}
		if len(privates) != 1 {
			return nil, nil, fmt.Errorf("%w: it has %d private keys; name the entry, or leave out the private key", keys.ErrMalformed, len(privates))
		}
		private = privates[0]
	}
	own, err := chosen(publics, private)
	if err != nil {
		return nil, nil, err
	}
	return private, chainOf(own), nil
}

// chosen is the certificate of the private key, or the only one.
func chosen(publics []*keys.Public, private any) (*keys.Public, error) {
	if private == nil {
		if len(publics) != 1 {
			return nil, fmt.Errorf("%w: it has %d certificates of their own; name the entry", keys.ErrMalformed, len(publics))
		}
		if publics[0].CertificateDER == nil {
			return nil, fmt.Errorf("%w: it has a bare public key, and no certificate for it", keys.ErrMalformed)
		}
		return publics[0], nil
	}
	own, err := keys.PublicOf(private)
	if err != nil {
		return nil, err
	}
	id, err := keys.ID(own)
	if err != nil {
		return nil, err
	}
	for _, public := range publics {
		if public.ID() == id && public.CertificateDER != nil {
			return public, nil
		}
	}
	return nil, fmt.Errorf("%w: there is no certificate for the private key in it", keys.ErrMalformed)
}

func chainOf(public *keys.Public) []byte {
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public.CertificateDER})
	for _, intermediate := range public.Intermediates {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: intermediate.Raw})...)
	}
	return chain
}
