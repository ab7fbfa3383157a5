package cms

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

func TestRefusesContent(t *testing.T) {
	envelope := sealed(t, "value", bare(t, "p256"))
	changed := func(class error, change func(*forged)) refusal {
		return refusal{"p256", forge(t, envelope, change), class}
	}
	parameters := func(nonce, tag int) asn1.RawValue {
		return raw(marshal(t, gcmParameters{make([]byte, nonce), tag}, ""))
	}
	attributes := []attribute{{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}, []asn1.RawValue{raw(marshal(t, oidData, ""))}}}
	authenticated := sealGCM(t, wrappedFor(t, "p256", keySize), "value", attributes)
	wantOpen(t, readIdentity(t, "p256"), authenticated, "value")
	wantRefusals(t, map[string]refusal{
		"content":      changed(crypto.ErrDamaged, func(f *forged) { f.Content.Content[0] ^= 1 }),
		"content cut":  changed(crypto.ErrDamaged, func(f *forged) { f.Content.Content = f.Content.Content[1:] }),
		"content gone": changed(crypto.ErrDamaged, func(f *forged) { f.Content.Content = nil }),
		"MAC":          changed(crypto.ErrDamaged, func(f *forged) { f.MAC[15] ^= 0x80 }),
		"nonce":        changed(crypto.ErrDamaged, func(f *forged) { f.Content.Algorithm.Parameters = parameters(nonceSize, tagSize) }),
		"attributes":   changed(crypto.ErrDamaged, func(f *forged) { f.Attributes = attributes }),
		"attributes gone": {"p256", forge(t, authenticated, func(f *forged) { f.Attributes = nil }),
			crypto.ErrDamaged},
		"long nonce": changed(crypto.ErrForbidden, func(f *forged) { f.Content.Algorithm.Parameters = parameters(13, tagSize) }),
		"short tag": changed(crypto.ErrForbidden, func(f *forged) {
			f.Content.Algorithm.Parameters, f.MAC = parameters(nonceSize, 12), f.MAC[:12]
		}),
		"AES-CCM":     changed(crypto.ErrForbidden, func(f *forged) { f.Content.Algorithm.Algorithm[8] = 47 }),
		"CBC, a MAC":  changed(crypto.ErrForbidden, func(f *forged) { f.Content.Algorithm.Algorithm = cbcKeySizes[2].oid }),
		"AES-128 key": {"p256", sealGCM(t, wrappedFor(t, "p256", 16), "value", nil), crypto.ErrMalformed},
		"AES-192 key": {"rsa2048", sealGCM(t, wrappedFor(t, "rsa2048", 24), "value", nil), crypto.ErrMalformed},
	})
}

func TestRefusesAgreement(t *testing.T) {
	envelope := sealed(t, "value", bare(t, "p256"))
	named := sealed(t, "value", certified(t, "p256"))
	is := func(class error, der []byte) refusal { return refusal{"p256", der, class} }
	agreed := func(class error, change func(*keyAgreeRecipientInfo)) refusal {
		return is(class, forgeAgreement(t, envelope, change))
	}
	from := func(class error, change func(*originatorPublicKey)) refusal {
		return is(class, forgeOriginator(t, envelope, change))
	}
	point := func(name string) func(*originatorPublicKey) {
		return func(k *originatorPublicKey) {
			k.PublicKey = asn1.BitString{Bytes: ecPoint(t, name), BitLength: 8 * len(ecPoint(t, name))}
		}
	}
	wrap := func(oid asn1.ObjectIdentifier, parameters asn1.RawValue) func(*keyAgreeRecipientInfo) {
		return func(a *keyAgreeRecipientInfo) {
			a.Algorithm.Parameters = raw(marshal(t, pkix.AlgorithmIdentifier{Algorithm: oid, Parameters: parameters}, ""))
		}
	}
	damage := func(a *keyAgreeRecipientInfo) { a.Keys[0].EncryptedKey[39] ^= 1 }
	wantRefusals(t, map[string]refusal{
		"wrapped key, named":       agreed(crypto.ErrDamaged, damage),
		"wrapped key, by issuer":   is(crypto.ErrNoMatch, forgeAgreement(t, named, damage)),
		"wrapped key cut":          agreed(crypto.ErrDamaged, func(a *keyAgreeRecipientInfo) { a.Keys[0].EncryptedKey = a.Keys[0].EncryptedKey[:32] }),
		"no wrapped key":           agreed(crypto.ErrDamaged, func(a *keyAgreeRecipientInfo) { a.Keys[0].EncryptedKey = nil }),
		"keying material added":    agreed(crypto.ErrDamaged, func(a *keyAgreeRecipientInfo) { a.UKM = []byte("more") }),
		"another KDF":              agreed(crypto.ErrDamaged, func(a *keyAgreeRecipientInfo) { a.Algorithm.Algorithm = schemes[3].oid }),
		"another wrap":             agreed(crypto.ErrDamaged, wrap(wrapSizes[0].oid, asn1.RawValue{})),
		"another point":            from(crypto.ErrDamaged, point("p256")),
		"another curve":            from(crypto.ErrDamaged, point("p384")),
		"not a point":              from(crypto.ErrDamaged, func(k *originatorPublicKey) { k.PublicKey.Bytes[64] ^= 1 }),
		"other key":                {"p521", envelope, crypto.ErrNoMatch},
		"secp256k1 key":            {"k256", envelope, crypto.ErrNoMatch},
		"RSA key":                  {"rsa2048", envelope, crypto.ErrNoMatch},
		"P-256 key for secp256k1":  is(crypto.ErrNoMatch, sealed(t, "value", bare(t, "k256"))),
		"curve of another":         from(crypto.ErrDamaged, func(k *originatorPublicKey) { k.Algorithm.Parameters = raw(marshal(t, oidSecp256k1, "")) }),
		"version 2":                agreed(crypto.ErrMalformed, func(a *keyAgreeRecipientInfo) { a.Version = 2 }),
		"no keys":                  agreed(crypto.ErrMalformed, func(a *keyAgreeRecipientInfo) { a.Keys = nil }),
		"compressed point":         from(crypto.ErrMalformed, func(k *originatorPublicKey) { k.PublicKey.Bytes[0] = 2 }),
		"no point":                 from(crypto.ErrMalformed, func(k *originatorPublicKey) { k.PublicKey = asn1.BitString{} }),
		"bits of a point":          from(crypto.ErrMalformed, func(k *originatorPublicKey) { k.PublicKey.BitLength--; k.PublicKey.Bytes[64] &= 0xfe }),
		"curve is no OID":          from(crypto.ErrMalformed, func(k *originatorPublicKey) { k.Algorithm.Parameters = raw(marshal(t, 1, "")) }),
		"wrap with parameters":     agreed(crypto.ErrMalformed, wrap(oidAES256Wrap, asn1.NullRawValue)),
		"no wrap":                  agreed(crypto.ErrMalformed, func(a *keyAgreeRecipientInfo) { a.Algorithm.Parameters = asn1.RawValue{} }),
		"originator is a sequence": agreed(crypto.ErrMalformed, func(a *keyAgreeRecipientInfo) { a.Originator = raw([]byte{0x30, 0}) }),
		"static key":               agreed(crypto.ErrForbidden, func(a *keyAgreeRecipientInfo) { a.Originator = raw([]byte{0xa0, 2, 0x80, 0}) }),
		"key of another kind":      from(crypto.ErrForbidden, func(k *originatorPublicKey) { k.Algorithm.Algorithm = someOID }),
		"unknown KDF":              agreed(crypto.ErrForbidden, func(a *keyAgreeRecipientInfo) { a.Algorithm.Algorithm = someOID }),
		"unknown wrap":             agreed(crypto.ErrForbidden, wrap(someOID, asn1.NullRawValue)),
	})
}

func TestRefusesTransport(t *testing.T) {
	envelope := sealed(t, "value", bare(t, "rsa2048"))
	named := sealed(t, "value", certified(t, "rsa2048"))
	is := func(class error, der []byte) refusal { return refusal{"rsa2048", der, class} }
	changed := func(class error, change func(*keyTransRecipientInfo)) refusal {
		return is(class, forgeTransport(t, envelope, change))
	}
	oaep := func(change func(*oaepParameters)) func(*keyTransRecipientInfo) {
		return func(k *keyTransRecipientInfo) {
			parameters := must(strict[oaepParameters](k.Algorithm.Parameters.FullBytes, ""))
			change(&parameters)
			k.Algorithm.Parameters = raw(marshal(t, parameters, ""))
		}
	}
	hash := func(oid asn1.ObjectIdentifier, parameters asn1.RawValue) pkix.AlgorithmIdentifier {
		return pkix.AlgorithmIdentifier{Algorithm: oid, Parameters: parameters}
	}
	damage := func(k *keyTransRecipientInfo) { k.EncryptedKey[255] ^= 1 }
	wantRefusals(t, map[string]refusal{
		"wrapped key, named":     changed(crypto.ErrDamaged, damage),
		"wrapped key, by issuer": is(crypto.ErrNoMatch, forgeTransport(t, named, damage)),
		"wrapped key cut":        changed(crypto.ErrDamaged, func(k *keyTransRecipientInfo) { k.EncryptedKey = k.EncryptedKey[1:] }),
		"number too large":       changed(crypto.ErrDamaged, func(k *keyTransRecipientInfo) { k.EncryptedKey = bytes.Repeat([]byte{255}, 256) }),
		"another hash":           changed(crypto.ErrDamaged, oaep(func(p *oaepParameters) { p.Hash.Algorithm = hashes[4].oid })),
		"SHA-1, by default":      changed(crypto.ErrDamaged, oaep(func(p *oaepParameters) { *p = oaepParameters{} })),
		"as PKCS#1 v1.5": changed(crypto.ErrNoMatch, func(k *keyTransRecipientInfo) {
			k.Algorithm = pkix.AlgorithmIdentifier{Algorithm: oidRSA, Parameters: asn1.NullRawValue}
		}),
		"other size":             {"rsa3072", envelope, crypto.ErrNoMatch},
		"EC key":                 {"p256", envelope, crypto.ErrNoMatch},
		"version 0":              changed(crypto.ErrMalformed, func(k *keyTransRecipientInfo) { k.Version = 0 }),
		"version 2, by issuer":   is(crypto.ErrMalformed, forgeTransport(t, named, func(k *keyTransRecipientInfo) { k.Version = 2 })),
		"issuer is a set":        is(crypto.ErrMalformed, forgeTransport(t, named, func(k *keyTransRecipientInfo) { k.Recipient.FullBytes = []byte{0x30, 5, 0x31, 0, 2, 1, 1} })),
		"no serial number":       is(crypto.ErrMalformed, forgeTransport(t, named, func(k *keyTransRecipientInfo) { k.Recipient.FullBytes = []byte{0x30, 2, 0x30, 0} })),
		"no OAEP parameters":     changed(crypto.ErrMalformed, func(k *keyTransRecipientInfo) { k.Algorithm.Parameters = asn1.RawValue{} }),
		"SHA-1 written out":      changed(crypto.ErrMalformed, oaep(func(p *oaepParameters) { p.Hash = hash(hashes[0].oid, asn1.RawValue{}) })),
		"hash with parameters":   changed(crypto.ErrMalformed, oaep(func(p *oaepParameters) { p.Hash = hash(oidSHA256, raw([]byte{2, 1, 1})) })),
		"mask without hash":      changed(crypto.ErrMalformed, oaep(func(p *oaepParameters) { p.MGF.Parameters = asn1.RawValue{} })),
		"PKCS#1 with parameters": changed(crypto.ErrMalformed, func(k *keyTransRecipientInfo) { k.Algorithm.Algorithm = oidRSA }),
		"unknown hash":           changed(crypto.ErrForbidden, oaep(func(p *oaepParameters) { p.Hash.Algorithm = someOID })),
		"unknown mask":           changed(crypto.ErrForbidden, oaep(func(p *oaepParameters) { p.MGF.Algorithm = someOID })),
		"unknown hash of mask":   changed(crypto.ErrForbidden, oaep(func(p *oaepParameters) { p.MGF = hash(oidMGF1, raw(marshal(t, hash(someOID, asn1.RawValue{}), ""))) })),
		"label":                  changed(crypto.ErrForbidden, oaep(func(p *oaepParameters) { p.Label = hash(someOID, asn1.RawValue{}) })),
		"unknown transport":      changed(crypto.ErrForbidden, func(k *keyTransRecipientInfo) { k.Algorithm.Algorithm = someOID }),
	})
}

// TestOtherRecipients: recipients of kinds that are not opened stand beside one
// that is, and alone are no match.
func TestOtherRecipients(t *testing.T) {
	p256 := wrappedFor(t, "p256", keySize)
	for name, other := range map[string][]byte{
		"key-encryption key": {0xa2, 0}, "password": {0xa3, 0}, "other": {0xa4, 0},
	} {
		alone := sealGCM(t, []asn1.RawValue{raw(other)}, "value", nil)
		beside := sealGCM(t, append([]asn1.RawValue{raw(other)}, p256...), "value", nil)
		t.Run(name, func(t *testing.T) {
			wantRefused(t, readIdentity(t, "p256"), alone, crypto.ErrNoMatch)
			wantOpen(t, readIdentity(t, "p256"), beside, "value")
		})
	}
	// One key wrapped twice, first damaged, then right; and one of two refused.
	twice := slices.Concat(p256, wrappedFor(t, "p256", keySize))
	damaged := must(strict[keyAgreeRecipientInfo](twice[0].FullBytes, keyAgreeTag))
	damaged.Keys[0].EncryptedKey[0] ^= 1
	twice[0] = raw(marshal(t, damaged, keyAgreeTag))
	wantOpen(t, readIdentity(t, "p256"), sealGCM(t, twice, "value", nil), "value")
	damaged.Algorithm.Algorithm = someOID
	twice[0] = raw(marshal(t, damaged, keyAgreeTag))
	wantOpen(t, readIdentity(t, "p256"), sealGCM(t, twice, "value", nil), "value")
	wantRefused(t, readIdentity(t, "p384"), sealGCM(t, twice, "value", nil), crypto.ErrNoMatch)
}
