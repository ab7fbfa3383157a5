package cms

import (
	stdcrypto "crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/strength"
)

// transport is one KeyTransRecipientInfo.
type transport struct {
	wrapped
	// pkcs1 is for RSAES-PKCS1-v1_5, oaep for RSAES-OAEP.
	pkcs1 bool
	oaep  *rsa.OAEPOptions
	// refused says why it is neither.
	refused error
}

func parseTransport(der []byte) (transport, error) {
	info, err := strict[keyTransRecipientInfo](der, "")
	if err != nil {
		return transport{}, err
	}
	t := transport{wrapped: wrapped{key: info.EncryptedKey}}
	version := 0
	if isTagged(info.Recipient) {
		version = 2
		t.keyID, err = strict[[]byte](info.Recipient.FullBytes, keyIdentifierTag)
	} else {
		err = parseIssuer(info.Recipient)
	}
	if err != nil {
		return transport{}, err
	}
	if info.Version != version {
		return transport{}, errVersion
	}
	switch {
	case info.Algorithm.Algorithm.Equal(oidRSA):
		t.pkcs1 = true
		if !optionalNull(info.Algorithm.Parameters) {
			return transport{}, errMalformed
		}
	case info.Algorithm.Algorithm.Equal(oidOAEP):
		if t.oaep, t.refused, err = parseOAEP(info.Algorithm.Parameters.FullBytes); err != nil {
			return transport{}, err
		}
	default:
		t.refused = refuse("key transport", info.Algorithm.Algorithm)
	}
	return t, nil
}

// sealRSA wraps keys with RSAES-OAEP (RFC 8017, section 7.1) on SHA-256.
func sealRSA(public *rsa.PublicKey, issuer *issuerAndSerialNumber) (func([]byte) ([]byte, error), error) {
	if err := strength.RSA(public); err != nil {
		return nil, err
	}
	keyID := keyIDOf(x509.MarshalPKCS1PublicKey(public))
	return func(key []byte) ([]byte, error) {
		encrypted, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, key, nil)
		if err != nil {
			return nil, err
		}
		info := keyTransRecipientInfo{EncryptedKey: encrypted}
		if info.Algorithm.Parameters.FullBytes, err = oaepSHA256(); err != nil {
			return nil, err
		}
		info.Algorithm.Algorithm = oidOAEP
		if issuer != nil {
			info.Recipient.FullBytes, err = asn1.Marshal(*issuer)
		} else {
			info.Version = 2
			info.Recipient.FullBytes, err = asn1.MarshalWithParams(keyID, keyIdentifierTag)
		}
		if err != nil {
			return nil, err
		}
		return asn1.Marshal(info)
	}, nil
}

// openRSA tries the keys under RSAES-OAEP first, which either open or do not.
func openRSA(private *rsa.PrivateKey) (func(*envelope) ([]byte, bool, error), error) {
	if err := strength.RSA(&private.PublicKey); err != nil {
		return nil, err
	}
	keyID := keyIDOf(x509.MarshalPKCS1PublicKey(&private.PublicKey))
	return func(e *envelope) ([]byte, bool, error) {
		var missed misses
		var pkcs1 [][]byte
		for _, t := range e.transports {
			switch {
			case t.refused != nil:
				missed.refused = t.refused
			case len(t.key) != private.Size(): // For another key.
				missed.tried = true
				missed.named = missed.named || t.isFor(keyID)
			case t.pkcs1:
				pkcs1 = append(pkcs1, t.key)
			default:
				if key, err := private.Decrypt(nil, t.key, t.oaep); err == nil {
					return key, true, nil
				}
				missed.tried = true
				missed.named = missed.named || t.isFor(keyID)
			}
		}
		if pkcs1 != nil {
			return unwrapPKCS1(private, pkcs1, e.content.keySize), false, nil
		}
		return nil, false, missed.err()
	}, nil
}

// unwrapPKCS1 is RSAES-PKCS1-v1_5 (RFC 8017, section 7.2) without an oracle:
// the key that comes out is the one that decrypts, or a stand-in of the same
// size, and nothing tells which. The stand-in is the same each time, as in
// OpenSSL since 3.2, or asking twice would tell.
func unwrapPKCS1(private *rsa.PrivateKey, encrypted [][]byte, size int) []byte {
	d := private.D.Bytes()
	defer clear(d)
	secret := sha256.Sum256(d)
	defer clear(secret[:])
	standIn := hmac.New(sha256.New, secret[:])
	for _, one := range encrypted {
		standIn.Write(one) // Each of the size of the modulus.
	}
	key := standIn.Sum(nil)[:size:size]
	for _, one := range encrypted {
		// It leaves the key alone if this one does not decrypt; an error is for
		// what everybody sees, a number not below the modulus.
		_ = rsa.DecryptPKCS1v15SessionKey(nil, private, one, key) //nolint:staticcheck // For old senders.
	}
	return key
}

// The algorithms of RFC 3370, section 4.2.1, and RFC 4055, sections 2.1 and 4.
var (
	oidRSA    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidOAEP   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 7}
	oidMGF1   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}

	hashes = algorithms[stdcrypto.Hash]{
		{asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, stdcrypto.SHA1},
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 4}, stdcrypto.SHA224},
		{oidSHA256, stdcrypto.SHA256},
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, stdcrypto.SHA384},
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, stdcrypto.SHA512},
	}
)

// oaepParameters is RSAES-OAEP-params of RFC 4055, section 4.1. An absent hash
// is SHA-1, an absent mask generation function MGF1 on SHA-1.
type oaepParameters struct {
	Hash  pkix.AlgorithmIdentifier `asn1:"optional,explicit,tag:0"`
	MGF   pkix.AlgorithmIdentifier `asn1:"optional,explicit,tag:1"`
	Label pkix.AlgorithmIdentifier `asn1:"optional,explicit,tag:2"`
}

var errLabel = fmt.Errorf("%w: RSAES-OAEP with a label is not opened", crypto.ErrForbidden)

// parseOAEP reads parameters. refused is for what is well-formed and not opened.
func parseOAEP(der []byte) (options *rsa.OAEPOptions, refused, err error) {
	parameters, err := strict[oaepParameters](der, "")
	if err != nil {
		return nil, nil, err
	}
	if len(parameters.Label.Algorithm) > 0 {
		return nil, errLabel, nil
	}
	options = &rsa.OAEPOptions{Hash: stdcrypto.SHA1, MGFHash: stdcrypto.SHA1}
	if len(parameters.Hash.Algorithm) > 0 {
		if options.Hash, refused, err = parseHash(parameters.Hash); refused != nil || err != nil {
			return nil, refused, err
		}
	}
	if len(parameters.MGF.Algorithm) > 0 {
		if !parameters.MGF.Algorithm.Equal(oidMGF1) {
			return nil, refuse("mask generation function", parameters.MGF.Algorithm), nil
		}
		hash, err := strict[pkix.AlgorithmIdentifier](parameters.MGF.Parameters.FullBytes, "")
		if err != nil {
			return nil, nil, err
		}
		if options.MGFHash, refused, err = parseHash(hash); refused != nil || err != nil {
			return nil, refused, err
		}
	}
	return options, nil, nil
}

// parseHash takes parameters that are absent or NULL, as RFC 4055, section 2.1,
// demands. SHA-1 is the default and so not written in DER.
func parseHash(algorithm pkix.AlgorithmIdentifier) (hash stdcrypto.Hash, refused, err error) {
	hash, found := hashes.find(algorithm.Algorithm)
	switch {
	case !found:
		return 0, refuse("hash of RSAES-OAEP", algorithm.Algorithm), nil
	case hash == stdcrypto.SHA1 || !optionalNull(algorithm.Parameters):
		return 0, nil, errMalformed
	}
	return hash, nil, nil
}

// oaepSHA256 are the parameters for SHA-256 and MGF1 on it.
func oaepSHA256() ([]byte, error) {
	hash := pkix.AlgorithmIdentifier{Algorithm: oidSHA256}
	parameters, err := asn1.Marshal(hash)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(oaepParameters{
		Hash: hash,
		MGF:  pkix.AlgorithmIdentifier{Algorithm: oidMGF1, Parameters: asn1.RawValue{FullBytes: parameters}},
	})
}
