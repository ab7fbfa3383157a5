package keys

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
)

// readAlgorithms are the algorithms of X.509 and PKCS#8 keys that are read; with
// oidEC goes one of readCurves.
var (
	readAlgorithms = []string{
		"1.2.840.113549.1.1.1", // RSA
		"1.3.101.110",          // X25519
		"1.3.101.112",          // Ed25519
	}
	readCurves = []string{"1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35", "1.3.132.0.10"}
)

const oidEC = "1.2.840.10045.2.1"

// otherAlgorithms are the names of algorithms and curves that are not read.
var otherAlgorithms = map[string]string{
	"1.2.840.113549.1.1.10":   "algorithm RSASSA-PSS, which is for signatures only",
	"1.2.840.113549.1.1.7":    "algorithm RSAES-OAEP; give the key as a plain RSA key",
	"1.2.840.10040.4.1":       "algorithm DSA",
	"1.2.840.113549.1.3.1":    "algorithm Diffie-Hellman",
	"1.3.101.111":             "algorithm X448",
	"1.3.101.113":             "algorithm Ed448",
	"1.3.132.0.33":            "curve P-224, which is too weak",
	"1.3.36.3.3.2.8.1.1.7":    "curve brainpoolP256r1",
	"1.3.36.3.3.2.8.1.1.11":   "curve brainpoolP384r1",
	"1.3.36.3.3.2.8.1.1.13":   "curve brainpoolP512r1",
	"1.2.156.10197.1.301":     "curve SM2",
	"2.16.840.1.101.3.4.4.1":  "algorithm ML-KEM-512",
	"2.16.840.1.101.3.4.4.2":  "algorithm ML-KEM-768",
	"2.16.840.1.101.3.4.4.3":  "algorithm ML-KEM-1024",
	"2.16.840.1.101.3.4.3.17": "algorithm ML-DSA-44, which is for signatures only",
	"2.16.840.1.101.3.4.3.18": "algorithm ML-DSA-65, which is for signatures only",
	"2.16.840.1.101.3.4.3.19": "algorithm ML-DSA-87, which is for signatures only",
}

// unknownAlgorithm names the algorithm or the curve of a key if that is why the
// key is not read; empty if it is not.
func unknownAlgorithm(algorithm pkix.AlgorithmIdentifier) string {
	oid := algorithm.Algorithm.String()
	if slices.Contains(readAlgorithms, oid) {
		return ""
	}
	kind := "algorithm "
	if oid == oidEC {
		var curve asn1.ObjectIdentifier
		if !unmarshal(algorithm.Parameters.FullBytes, &curve) {
			return "a curve that is not named; give a key on a named curve"
		}
		if oid, kind = curve.String(), "curve "; slices.Contains(readCurves, oid) {
			return ""
		}
	}
	if name, known := otherAlgorithms[oid]; known {
		return name
	}
	return kind + oid
}
