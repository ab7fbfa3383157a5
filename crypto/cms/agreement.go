package cms

import (
	stdcrypto "crypto"
	_ "crypto/sha512" // For the hashes below.
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
)

// The algorithms of RFC 5753, sections 7.1.4 and 7.1.5, and RFC 3565, section
// 2.3.2. On the curves here, whose cofactor is 1, cofactor Diffie-Hellman is
// the same as standard Diffie-Hellman.
var (
	oidStdDHSHA256 = asn1.ObjectIdentifier{1, 3, 132, 1, 11, 1}
	oidAES256Wrap  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 45}

	schemes = algorithms[stdcrypto.Hash]{
		{asn1.ObjectIdentifier{1, 3, 133, 16, 840, 63, 0, 2}, stdcrypto.SHA1}, // dhSinglePass-stdDH-...kdf-scheme
		{asn1.ObjectIdentifier{1, 3, 132, 1, 11, 0}, stdcrypto.SHA224},
		{oidStdDHSHA256, stdcrypto.SHA256},
		{asn1.ObjectIdentifier{1, 3, 132, 1, 11, 2}, stdcrypto.SHA384},
		{asn1.ObjectIdentifier{1, 3, 132, 1, 11, 3}, stdcrypto.SHA512},
		{asn1.ObjectIdentifier{1, 3, 133, 16, 840, 63, 0, 3}, stdcrypto.SHA1}, // dhSinglePass-cofactorDH-...kdf-scheme
		{asn1.ObjectIdentifier{1, 3, 132, 1, 14, 0}, stdcrypto.SHA224},
		{asn1.ObjectIdentifier{1, 3, 132, 1, 14, 1}, stdcrypto.SHA256},
		{asn1.ObjectIdentifier{1, 3, 132, 1, 14, 2}, stdcrypto.SHA384},
		{asn1.ObjectIdentifier{1, 3, 132, 1, 14, 3}, stdcrypto.SHA512},
	}
	wrapSizes = algorithms[int]{
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 5}, 16},
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 25}, 24},
		{oidAES256Wrap, 32},
	}

	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
)

// agreement is one KeyAgreeRecipientInfo.
type agreement struct {
	// point is the ephemeral public key. curve is its curve; nil if that is left
	// to be known from the recipient's key.
	point []byte
	curve asn1.ObjectIdentifier
	ukm   []byte
	kdf   keyDerivation
	keys  []wrapped
	// refused says why it is not opened.
	refused error
}

func parseAgreement(der []byte) (agreement, error) {
	info, err := strict[keyAgreeRecipientInfo](der, keyAgreeTag)
	if err != nil {
		return agreement{}, err
	}
	if info.Version != 3 {
		return agreement{}, errVersion
	}
	a := agreement{ukm: info.UKM}
	for _, one := range info.Keys {
		w, err := parseAgreed(one)
		if err != nil {
			return agreement{}, err
		}
		a.keys = append(a.keys, w)
	}
	if len(a.keys) == 0 {
		return agreement{}, errNoKeys
	}
	if err := a.parseOriginator(info.Originator); err != nil {
		return agreement{}, err
	}
	if a.refused == nil {
		a.kdf, a.refused, err = parseScheme(info.Algorithm)
	}
	return a, err
}

// parseAgreed reads the RecipientEncryptedKey of one recipient.
func parseAgreed(info recipientEncryptedKey) (wrapped, error) {
	if !isTagged(info.Recipient) {
		return wrapped{key: info.EncryptedKey}, parseIssuer(info.Recipient)
	}
	name, err := strict[recipientKeyIdentifier](info.Recipient.FullBytes, keyIdentifierTag)
	return wrapped{keyID: name.SubjectKeyIdentifier, key: info.EncryptedKey}, err
}

// parseOriginator reads the ephemeral key, RFC 5753, section 3.1.1. The point
// must be uncompressed; that it is on the curve is for the identity to find.
func (a *agreement) parseOriginator(choice asn1.RawValue) error {
	if !isTagged(choice) || !choice.IsCompound {
		return errMalformed
	}
	if len(choice.Bytes) == 0 || choice.Bytes[0] != 0xa1 { // [1], OriginatorPublicKey.
		a.refused = errStatic
		return nil
	}
	named, err := strict[originator](choice.FullBytes, originatorTag)
	if err != nil {
		return err
	}
	algorithm, point := named.Key.Algorithm, named.Key.PublicKey
	if !algorithm.Algorithm.Equal(oidECPublicKey) {
		a.refused = refuse("key agreement with a key of", algorithm.Algorithm)
		return nil
	}
	if !optionalNull(algorithm.Parameters) {
		if a.curve, err = strict[asn1.ObjectIdentifier](algorithm.Parameters.FullBytes, ""); err != nil {
			return err
		}
	}
	if point.BitLength != 8*len(point.Bytes) || len(point.Bytes) == 0 || point.Bytes[0] != 4 {
		return errMalformed
	}
	a.point = point.Bytes
	return nil
}

// parseScheme reads a key agreement scheme, whose parameter is the algorithm
// that wraps the key: RFC 5753, section 7.2.
func parseScheme(algorithm pkix.AlgorithmIdentifier) (kdf keyDerivation, refused, err error) {
	hash, found := schemes.find(algorithm.Algorithm)
	if !found {
		return keyDerivation{}, refuse("key agreement", algorithm.Algorithm), nil
	}
	wrap, err := strict[pkix.AlgorithmIdentifier](algorithm.Parameters.FullBytes, "")
	if err != nil {
		return keyDerivation{}, nil, err
	}
	size, found := wrapSizes.find(wrap.Algorithm)
	if !found {
		return keyDerivation{}, refuse("key wrap", wrap.Algorithm), nil
	}
	if len(wrap.Parameters.FullBytes) > 0 { // RFC 3565, section 2.3.2.
		return keyDerivation{}, nil, errMalformed
	}
	return keyDerivation{hash: hash, wrap: wrap, size: size}, nil, nil
}

// keyDerivation makes key-encryption keys of size bytes for the algorithm wrap.
type keyDerivation struct {
	hash stdcrypto.Hash
	wrap pkix.AlgorithmIdentifier
	size int
}

// sharedInfo is ECC-CMS-SharedInfo of RFC 5753, section 7.2.
type sharedInfo struct {
	KeyInfo     pkix.AlgorithmIdentifier
	EntityUInfo []byte `asn1:"optional,explicit,tag:0"`
	SuppPubInfo []byte `asn1:"explicit,tag:2"`
}

// key is the KDF of ANSI X9.63 (SEC 1, section 3.6.1) over the shared secret z.
// ukm is nil if there is none.
func (d keyDerivation) key(z, ukm []byte) ([]byte, error) {
	info, err := asn1.Marshal(sharedInfo{
		KeyInfo:     d.wrap,
		EntityUInfo: ukm,
		SuppPubInfo: binary.BigEndian.AppendUint32(nil, uint32(8*d.size)),
	})
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, d.size+d.hash.Size())
	h := d.hash.New()
	for counter := uint32(1); len(out) < d.size; counter++ {
		h.Reset()
		h.Write(z)
		h.Write(binary.BigEndian.AppendUint32(nil, counter))
		h.Write(info)
		out = h.Sum(out)
	}
	clear(out[d.size:])
	return out[:d.size], nil
}
