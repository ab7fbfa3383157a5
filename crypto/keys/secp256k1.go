package keys

import (
	"crypto/x509/pkix"
	"encoding/asn1"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// The standard library does not know the curve secp256k1, on which SOS's own
// documentation makes JS7 keys. What of its containers is needed is here.
var (
	oidPublicKeyECDSA = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1      = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
)

// spki is SubjectPublicKeyInfo of RFC 5280, section 4.1.
type spki struct {
	Algorithm pkix.AlgorithmIdentifier
	PublicKey asn1.BitString
}

// pkcs8 is PrivateKeyInfo of RFC 5208, section 5.
type pkcs8 struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
}

// sec1 is ECPrivateKey of RFC 5915, section 3.
type sec1 struct {
	Version    int
	PrivateKey []byte
	Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

func isSecp256k1(algorithm pkix.AlgorithmIdentifier) bool {
	var curve asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(algorithm.Parameters.FullBytes, &curve)
	return err == nil && len(rest) == 0 && algorithm.Algorithm.Equal(oidPublicKeyECDSA) && curve.Equal(oidSecp256k1)
}

func secp256k1SPKI(der []byte) (*secp256k1.PublicKey, bool) {
	var info spki
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 || !isSecp256k1(info.Algorithm) {
		return nil, false
	}
	point := info.PublicKey.Bytes
	if info.PublicKey.BitLength != 8*len(point) || len(point) == 0 || point[0] > 4 { // The library reads hybrid points, too.
		return nil, false
	}
	key, err := secp256k1.ParsePubKey(point)
	return key, err == nil
}

// secp256k1Algorithm is the AlgorithmIdentifier of RFC 5480, section 2.1.1.
func secp256k1Algorithm() (pkix.AlgorithmIdentifier, error) {
	curve, err := asn1.Marshal(oidSecp256k1)
	return pkix.AlgorithmIdentifier{Algorithm: oidPublicKeyECDSA, Parameters: asn1.RawValue{FullBytes: curve}}, err
}

func marshalSecp256k1(key *secp256k1.PublicKey) ([]byte, error) {
	algorithm, err := secp256k1Algorithm()
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(spki{
		Algorithm: algorithm,
		PublicKey: asn1.BitString{Bytes: key.SerializeUncompressed(), BitLength: 8 * secp256k1.PubKeyBytesLenUncompressed},
	})
}

func secp256k1PKCS8(der []byte) (*secp256k1.PrivateKey, bool) {
	var info pkcs8
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 || !isSecp256k1(info.Algorithm) {
		return nil, false
	}
	defer clear(info.PrivateKey)
	return secp256k1SEC1(info.PrivateKey, true)
}

// secp256k1SEC1 reads an ECPrivateKey whose curve is named in it, or already
// known from around it.
func secp256k1SEC1(der []byte, known bool) (*secp256k1.PrivateKey, bool) {
	var key sec1
	if rest, err := asn1.Unmarshal(der, &key); err != nil || len(rest) > 0 {
		return nil, false
	}
	defer clear(key.PrivateKey)
	if named := len(key.Curve) > 0; named && !key.Curve.Equal(oidSecp256k1) || !named && !known {
		return nil, false
	}
	var scalar secp256k1.ModNScalar
	if len(key.PrivateKey) != secp256k1.PrivKeyBytesLen || scalar.SetByteSlice(key.PrivateKey) || scalar.IsZero() {
		return nil, false
	}
	return secp256k1.NewPrivateKey(&scalar), true
}
