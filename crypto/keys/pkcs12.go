package keys

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Old files have it.
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// PKCS#12 (RFC 7292) is read and written here, because the library for it does
// not tell the entries' aliases or give a key one, reads one key per file and
// knows none on secp256k1, and does whatever work a file asks for.
const (
	oidData          = "1.2.840.113549.1.7.1"
	oidEncryptedData = "1.2.840.113549.1.7.6"
	oidSHA256        = "2.16.840.1.101.3.4.2.1"
	oidPBMAC1        = "1.2.840.113549.1.5.14"
	pkcs12Name       = "PKCS#12"
)

// macHashes are the digests of a MacData.
var macHashes = map[string]func() hash.Hash{
	"1.3.14.3.2.26":          sha1.New,
	"2.16.840.1.101.3.4.2.4": sha256.New224,
	oidSHA256:                sha256.New,
	"2.16.840.1.101.3.4.2.2": sha512.New384,
	"2.16.840.1.101.3.4.2.3": sha512.New,
}

var errPKCS12 = fmt.Errorf("%w: the PKCS#12 keystore is damaged, cut off, or not DER; openssl pkcs12 -in FILE -nodes makes PEM of it", ErrMalformed)

func isPKCS12(data []byte) bool {
	if !slices.Contains(shapesPKCS12, shapeOf(data)) {
		return false
	}
	input := cryptobyte.String(data)
	var pfx cryptobyte.String
	var version int
	return input.ReadASN1(&pfx, der.SEQUENCE) && pfx.ReadASN1Integer(&version) && version == 3
}

// readPKCS12 returns the entries of a keystore (PFX of RFC 7292, section 4).
func readPKCS12(data []byte, with *unlocker) ([]item, error) {
	input := cryptobyte.String(data)
	var pfx cryptobyte.String
	var version int
	if !input.ReadASN1(&pfx, der.SEQUENCE) || !pfx.ReadASN1Integer(&version) {
		return nil, errPKCS12
	}
	oid, content, ok := readContentInfo(&pfx)
	var safe cryptobyte.String
	if !ok || oid != oidData || !content.ReadASN1(&safe, der.OCTET_STRING) || !content.Empty() {
		return nil, fmt.Errorf("%w: the PKCS#12 keystore is not protected by a password", ErrUnsupported)
	}
	if !pfx.Empty() {
		if err := checkPKCS12MAC(pfx, safe, with); err != nil {
			return nil, err
		}
	}
	bags, err := readAuthenticatedSafe(safe, with)
	if err != nil {
		return nil, err
	}
	return pkcs12Items(bags, with), nil
}

// readContentInfo reads ContentInfo (RFC 5652, section 3).
func readContentInfo(input *cryptobyte.String) (oid string, content cryptobyte.String, ok bool) {
	var info cryptobyte.String
	var contentType asn1.ObjectIdentifier
	ok = input.ReadASN1(&info, der.SEQUENCE) && info.ReadASN1ObjectIdentifier(&contentType) &&
		info.ReadASN1(&content, der.Tag(0).ContextSpecific().Constructed()) && info.Empty()
	return contentType.String(), content, ok
}

// checkPKCS12MAC checks MacData (RFC 7292, section 4). An empty password has two
// encodings in use; no password stands for it.
func checkPKCS12MAC(input, safe cryptobyte.String, with *unlocker) error {
	var data, digestInfo, algorithm, digest, salt cryptobyte.String
	rounds := 1
	if !input.ReadASN1(&data, der.SEQUENCE) || !input.Empty() ||
		!data.ReadASN1(&digestInfo, der.SEQUENCE) || !data.ReadASN1(&salt, der.OCTET_STRING) ||
		!data.Empty() && (!data.ReadASN1Integer(&rounds) || !data.Empty()) ||
		!digestInfo.ReadASN1Element(&algorithm, der.SEQUENCE) || !digestInfo.ReadASN1(&digest, der.OCTET_STRING) || !digestInfo.Empty() {
		return errPKCS12
	}
	var identifier pkix.AlgorithmIdentifier
	if !unmarshal(algorithm, &identifier) {
		return errPKCS12
	}
	passwords := [][]byte{bmpPassword(with.password)}
	if len(with.password) == 0 {
		passwords = append(passwords, nil)
	}
	for _, password := range passwords {
		mac, err := pkcs12MAC(identifier, safe, password, salt, rounds, with)
		clear(password)
		if err != nil {
			return err
		}
		if hmac.Equal(mac, digest) {
			return nil
		}
	}
	if with.password == nil {
		return fmt.Errorf("%w: the file is a PKCS#12 keystore, which needs a password", ErrPassword)
	}
	return errWrongPassword
}

// pkcs12MAC is the HMAC of RFC 7292, appendix B.4, or PBMAC1 as RFC 9579 has it.
func pkcs12MAC(algorithm pkix.AlgorithmIdentifier, safe, bmp, salt []byte, rounds int, with *unlocker) ([]byte, error) {
	oid := algorithm.Algorithm.String()
	if oid == oidPBMAC1 {
		return pbmac1(algorithm.Parameters.FullBytes, safe, with)
	}
	newHash, known := macHashes[oid]
	if !known {
		return nil, fmt.Errorf("%w: the PKCS#12 keystore has a MAC over %s; SHA-1 and SHA-2 are read", ErrUnsupported, oid)
	}
	if err := with.work(int64(rounds)); err != nil {
		return nil, err
	}
	key := pkcs12Key(newHash, bmp, salt, 3, rounds, newHash().Size())
	defer clear(key)
	mac := hmac.New(newHash, key)
	mac.Write(safe)
	return mac.Sum(nil), nil
}

// pbmac1 is PBMAC1 (RFC 8018, section 7.1). Its key is as long as the HMAC's
// output: a shorter one, down to a byte, would let anyone forge the MAC (RFC
// 9579, section 9).
func pbmac1(parameters, safe []byte, with *unlocker) ([]byte, error) {
	var params struct{ Derivation, MAC pkix.AlgorithmIdentifier }
	if !unmarshal(parameters, &params) {
		return nil, errPKCS12
	}
	newHash, known := prfs[params.MAC.Algorithm.String()]
	if !known || params.Derivation.Algorithm.String() != oidPBKDF2 {
		return nil, fmt.Errorf("%w: the PKCS#12 keystore has a PBMAC1 over %s; PBKDF2 and HMAC with SHA-2 are read", ErrUnsupported, params.MAC.Algorithm)
	}
	key, err := with.pbkdf2(params.Derivation.Parameters.FullBytes, newHash().Size())
	if err != nil {
		return nil, err
	}
	defer clear(key)
	mac := hmac.New(newHash, key)
	mac.Write(safe)
	return mac.Sum(nil), nil
}

// readAuthenticatedSafe returns the bags of all its contents.
func readAuthenticatedSafe(safe cryptobyte.String, with *unlocker) ([]pkcs12Bag, error) {
	var contents cryptobyte.String
	if !safe.ReadASN1(&contents, der.SEQUENCE) || !safe.Empty() {
		return nil, errPKCS12
	}
	var bags []pkcs12Bag
	for !contents.Empty() {
		oid, content, ok := readContentInfo(&contents)
		if !ok {
			return nil, errPKCS12
		}
		var plain []byte
		var err error
		switch oid {
		case oidData:
			if !content.ReadASN1Bytes(&plain, der.OCTET_STRING) || !content.Empty() {
				return nil, errPKCS12
			}
		case oidEncryptedData:
			if plain, err = decryptContent(content, with); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%w: the PKCS#12 keystore is protected by a public key", ErrUnsupported)
		}
		next, err := readSafeContents(plain)
		switch {
		case err != nil && oid == oidEncryptedData:
			return nil, errWrongPassword // There may be no MAC that would have told.
		case err != nil:
			return nil, err
		}
		bags = append(bags, next...)
	}
	return bags, nil
}

// decryptContent opens EncryptedData (RFC 5652, section 8).
func decryptContent(content cryptobyte.String, with *unlocker) ([]byte, error) {
	var data, info, algorithm, encrypted cryptobyte.String
	var version int
	var contentType asn1.ObjectIdentifier
	var identifier pkix.AlgorithmIdentifier
	if !content.ReadASN1(&data, der.SEQUENCE) || !content.Empty() ||
		!data.ReadASN1Integer(&version) || !data.ReadASN1(&info, der.SEQUENCE) || !data.Empty() ||
		!info.ReadASN1ObjectIdentifier(&contentType) || contentType.String() != oidData ||
		!info.ReadASN1Element(&algorithm, der.SEQUENCE) || !unmarshal(algorithm, &identifier) ||
		!info.ReadASN1(&encrypted, der.Tag(0).ContextSpecific()) || !info.Empty() {
		return nil, errPKCS12
	}
	plain, err := with.decrypt(identifier, bytes.Clone(encrypted))
	if errors.Is(err, ErrPassword) && with.password == nil {
		return nil, fmt.Errorf("%w: the file is a PKCS#12 keystore, which needs a password", ErrPassword)
	}
	return plain, err
}
