package main

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512" // For the KDF.
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"os"
	"slices"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The object identifiers that right envelopes have.
const (
	oidEnveloped     = "1.2.840.113549.1.7.3"
	oidAuthEnveloped = "1.2.840.113549.1.9.16.1.23"
	oidData          = "1.2.840.113549.1.7.1"
	oidRSA           = "1.2.840.113549.1.1.1"
	oidOAEP          = "1.2.840.113549.1.1.7"
	oidMGF1          = "1.2.840.113549.1.1.8"
	oidECPublicKey   = "1.2.840.10045.2.1"
	oidStdDHSHA256   = "1.3.132.1.11.1"
	oidAES           = "2.16.840.1.101.3.4.1." // with one of the numbers below
	oidSHA           = "2.16.840.1.101.3.4.2." // 1: SHA-256, 2: 384, 3: 512
)

// aesNumbers are the last arcs of AES by key size: CBC, wrap and GCM.
var aesNumbers = map[int]struct{ cbc, wrap, gcm string }{
	16: {"2", "5", "6"}, 24: {"22", "25", "26"}, 32: {"42", "45", "46"},
}

// cmsMessage is the parts of a message: AuthEnvelopedData if it has a MAC,
// EnvelopedData otherwise. What is nil is left out.
type cmsMessage struct {
	key                  []byte // of the content
	version              int
	contentType          string
	recipients           [][]byte
	algorithm, content   []byte
	attributes           []byte // with its tag [1]
	mac                  []byte
	originator, trailing []byte // optional elements at both ends
}

// authEnveloped seals with AES-GCM and a key of size bytes. attributes are
// authenticated.
func authEnveloped(size int, plaintext []byte, attributes ...[]byte) cmsMessage {
	m := cmsMessage{key: random(size), contentType: oidData}
	nonce := random(12)
	m.algorithm = gcmAlgorithm(size, nonce, 16)
	var additional []byte
	if attributes != nil {
		additional = derSet(attributes...)
		m.attributes = append([]byte{0xa1}, additional[1:]...)
	}
	sealed := must(cipher.NewGCM(must(aes.NewCipher(m.key)))).Seal(nil, nonce, plaintext, additional)
	m.content, m.mac = sealed[:len(plaintext)], sealed[len(plaintext):]
	return m
}

func gcmAlgorithm(size int, nonce []byte, tagSize int) []byte {
	return seq(oid(oidAES+aesNumbers[size].gcm), seq(octets(nonce), integer(tagSize)))
}

// enveloped seals padded blocks with AES-CBC.
func enveloped(size int, padded []byte) cmsMessage {
	m := cmsMessage{key: random(size), contentType: oidData}
	iv := random(16)
	m.algorithm = seq(oid(oidAES+aesNumbers[size].cbc), octets(iv))
	m.content = cbcEncrypt(m.key, iv, padded)
	return m
}

func (m cmsMessage) der() []byte {
	info := seq(oid(m.contentType), m.algorithm, tlv(0x80, m.content))
	if m.mac == nil {
		return m.wrap(oidEnveloped, seq(integer(m.version), m.originator, derSet(m.recipients...), info, m.trailing))
	}
	return m.wrap(oidAuthEnveloped, seq(integer(m.version), m.originator, derSet(m.recipients...), info, m.attributes, octets(m.mac), m.trailing))
}

func (m cmsMessage) wrap(contentType string, data []byte) []byte {
	return seq(oid(contentType), tlv(0xa0, data))
}

// to returns the message for one recipient, an EnvelopedData with the version
// that belongs to a key that is named by its identifier.
func (m cmsMessage) to(recipient interface{ der() []byte }) cmsMessage {
	m.recipients = [][]byte{recipient.der()}
	if m.mac == nil {
		m.version = 2
	}
	return m
}

// transport is KeyTransRecipientInfo.
type transport struct {
	version                  int
	name, algorithm, wrapped []byte
}

func (t transport) der() []byte {
	return seq(integer(t.version), t.name, t.algorithm, octets(t.wrapped))
}

// oaepTo wraps a key with RSAES-OAEP, for a recipient named by its identifier.
func oaepTo(key string, hash crypto.Hash, contentKey []byte) transport {
	wrapped := must(rsa.EncryptOAEP(hash.New(), rand.Reader, publicKey(key).(*rsa.PublicKey), contentKey, nil))
	return transport{2, tlv(0x80, subjectKeyID(key)), oaepAlgorithm(hash), wrapped}
}

func oaepAlgorithm(hash crypto.Hash) []byte {
	id := map[crypto.Hash]string{crypto.SHA256: "1", crypto.SHA384: "2", crypto.SHA512: "3"}[hash]
	if id == "" { // SHA-1 is the default of all parameters.
		return seq(oid(oidOAEP), seq())
	}
	algorithm := seq(oid(oidSHA + id))
	return seq(oid(oidOAEP), seq(tlv(0xa0, algorithm), tlv(0xa1, seq(oid(oidMGF1), algorithm))))
}

// pkcs1To wraps a key with RSAES-PKCS1-v1_5, for the one RSA key that opens it.
func pkcs1To(contentKey []byte) transport {
	const key = "rsa2048"
	wrapped := must(rsa.EncryptPKCS1v15(rand.Reader, publicKey(key).(*rsa.PublicKey), contentKey)) //nolint:staticcheck // For old senders.
	return transport{2, tlv(0x80, subjectKeyID(key)), seq(oid(oidRSA), derNull()), wrapped}
}

// agreed is KeyAgreeRecipientInfo for one recipient.
type agreed struct {
	version              int
	curve, point         []byte // of the ephemeral key
	ukm                  []byte // with its tag [1]
	scheme, wrap         string
	parameters           []byte // of the wrap
	name, wrapped        []byte
	originatorIdentifier []byte // instead of the ephemeral key
}

func (a agreed) der() []byte {
	originator := a.originatorIdentifier
	if originator == nil {
		originator = tlv(0xa1, seq(oid(oidECPublicKey), a.curve), bitString(a.point))
	}
	return tlv(0xa1, integer(a.version), tlv(0xa0, originator), a.ukm,
		seq(oid(a.scheme), seq(oid(a.wrap), a.parameters)), seq(seq(a.name, octets(a.wrapped))))
}

// agreedTo wraps a key with ephemeral-static ECDH and AES key wrap with keys of
// size bytes, for a recipient named by its identifier. ukm may be nil.
func agreedTo(key, scheme string, hash crypto.Hash, size int, ukm, contentKey []byte) agreed {
	a := agreed{version: 3, scheme: scheme, wrap: oidAES + aesNumbers[size].wrap, name: tlv(0xa0, octets(subjectKeyID(key)))}
	var z, entity []byte
	a.point, z = agree(key)
	if ukm != nil {
		a.ukm = tlv(0xa1, octets(ukm))
		entity = tlv(0xa0, octets(ukm))
	}
	info := seq(seq(oid(a.wrap)), entity, tlv(0xa2, octets(binary.BigEndian.AppendUint32(nil, uint32(8*size)))))
	a.wrapped = must(josecipher.KeyWrap(must(aes.NewCipher(x963(hash, z, info, size))), contentKey))
	return a
}

// ecTo is agreedTo with what is sealed with.
func ecTo(key string, contentKey []byte) agreed {
	return agreedTo(key, oidStdDHSHA256, crypto.SHA256, 32, nil, contentKey)
}

// x963 is the KDF of ANSI X9.63 (SEC 1, section 3.6.1).
func x963(hash crypto.Hash, z, info []byte, size int) []byte {
	var out []byte
	for counter := uint32(1); len(out) < size; counter++ {
		h := hash.New()
		h.Write(slices.Concat(z, binary.BigEndian.AppendUint32(nil, counter), info))
		out = h.Sum(out)
	}
	return out[:size]
}

func certificateOf(key string) cryptobyte.String {
	block, _ := pem.Decode(must(os.ReadFile(keyPath(key + ".crt"))))
	return block.Bytes
}

// issuerAndSerial names a key by its certificate. It is cut out of the DER, for
// the standard library does not read certificates on secp256k1.
func issuerAndSerial(key string) []byte {
	certificate := certificateOf(key)
	var tbs, serial, issuer cryptobyte.String
	if !certificate.ReadASN1(&certificate, cryptobyteasn1.SEQUENCE) || !certificate.ReadASN1(&tbs, cryptobyteasn1.SEQUENCE) ||
		!tbs.SkipOptionalASN1(cryptobyteasn1.Tag(0).ContextSpecific().Constructed()) ||
		!tbs.ReadASN1Element(&serial, cryptobyteasn1.INTEGER) || !tbs.SkipASN1(cryptobyteasn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&issuer, cryptobyteasn1.SEQUENCE) {
		panic("certificate of " + key)
	}
	return seq(issuer, serial)
}

// subjectKeyID is the SHA-1 of the bits of the public key (RFC 5280, section
// 4.2.1.2, method 1).
func subjectKeyID(key string) []byte {
	var bits []byte
	if public, ok := publicKey(key).(*rsa.PublicKey); ok {
		bits = x509.MarshalPKCS1PublicKey(public)
	} else {
		bits = pointOf(key)
	}
	h := crypto.SHA1.New()
	h.Write(bits)
	return h.Sum(nil)
}

func pemOf(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}
