package jwe

import (
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/strictjson"
)

// parameters are what opening uses of a JOSE header (RFC 7516, section 4).
type parameters struct {
	algorithm string
	keyID     string
	epk       strictjson.Object // nil unless algorithm is algECDH
	apu, apv  []byte
}

// unprotectedNames are the parameters that may be outside the protected header.
// Each is either covered by the key wrap or only a hint.
var unprotectedNames = []string{"alg", "kid", "x5t#S256", "epk", "apu", "apv"}

var (
	errTwoHeaders  = errors.New("a header parameter comes in two headers")
	errUnprotected = errors.New("only alg, kid, x5t#S256, epk, apu and apv may be outside the protected header")
	errKeySize     = errors.New("encrypted_key is missing or has not the length that alg asks for")
	errEphemeral   = errors.New("epk has not exactly the members of a public key")
)

// readHeaders puts the headers of each recipient together (section 7.2.1).
func (e *envelope) readHeaders() error {
	decoded, err := strictjson.Decode(e.protected)
	if err != nil || len(e.protected) > maxHeader {
		return malformed(errEmpty)
	}
	protected, err := strictjson.Parse(decoded)
	if err != nil {
		return malformed(err)
	}
	if err := checkProtected(protected); err != nil {
		return err
	}
	for i := range e.recipients {
		each := &e.recipients[i]
		header, err := join(protected, e.unprotected, each.header)
		if err != nil {
			return malformed(err)
		}
		if each.parameters, err = readParameters(header); err != nil {
			return err
		}
		if size := len(each.encryptedKey); size == 0 || each.parameters.algorithm == algECDH && size != wrappedSize {
			return malformed(errKeySize)
		}
	}
	return nil
}

// checkProtected looks at what concerns the whole envelope.
func checkProtected(header strictjson.Object) error {
	if _, found := header["crit"]; found { // Section 4.1.13: it is invalid to who does not know them.
		return fmt.Errorf("%w: the envelope asks for extensions (crit), and none is known", crypto.ErrForbidden)
	}
	if _, found := header["zip"]; found {
		return fmt.Errorf("%w: the envelope is compressed (zip); seal it without", crypto.ErrForbidden)
	}
	encryption, err := header.String("enc")
	if err != nil {
		return malformed(fmt.Errorf("enc, in the protected header: %w", err))
	}
	if encryption != encGCM {
		return fmt.Errorf("%w: enc is %.40q; seal with %s", crypto.ErrForbidden, encryption, encGCM)
	}
	return nil
}

// join returns the members of all three headers, none of which may come twice.
func join(protected strictjson.Object, others ...[]byte) (strictjson.Object, error) {
	all := strictjson.Object{}
	for name, value := range protected {
		all[name] = value
	}
	for _, text := range others {
		if text == nil {
			continue
		}
		header, err := strictjson.Parse(text)
		if err != nil {
			return nil, err
		}
		if !header.Only(unprotectedNames...) {
			return nil, errUnprotected
		}
		for name, value := range header {
			if _, found := all[name]; found {
				return nil, errTwoHeaders
			}
			all[name] = value
		}
	}
	return all, nil
}

func readParameters(header strictjson.Object) (parameters, error) {
	var p parameters
	var err error
	if p.algorithm, err = header.String("alg"); err != nil {
		return parameters{}, malformed(fmt.Errorf("alg: %w", err))
	}
	if p.algorithm != algRSA && p.algorithm != algECDH {
		return parameters{}, fmt.Errorf("%w: alg is %.40q; seal with %s or %s", crypto.ErrForbidden, p.algorithm, algECDH, algRSA)
	}
	if _, found := header["kid"]; found {
		if p.keyID, err = header.String("kid"); err != nil {
			return parameters{}, malformed(fmt.Errorf("kid: %w", err))
		}
	}
	if p.algorithm == algRSA {
		return p, nil
	}
	if p.epk, err = strictjson.Parse(header["epk"]); err != nil || !p.epk.Only("kty", "crv", "x", "y") {
		return parameters{}, malformed(errEphemeral)
	}
	for name, into := range map[string]*[]byte{"apu": &p.apu, "apv": &p.apv} {
		if _, found := header[name]; !found {
			continue
		}
		if *into, err = header.Bytes(name); err != nil {
			return parameters{}, malformed(fmt.Errorf("%s: %w", name, err))
		}
	}
	return p, nil
}

func malformed(err error) error {
	return fmt.Errorf("%w: JWE cannot be read: %w", crypto.ErrMalformed, err)
}
