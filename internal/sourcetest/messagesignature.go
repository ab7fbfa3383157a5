package sourcetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// messageSignature signs the method, the URL and the body's digest (RFC 9421,
// RFC 9530), with the first key of the source that counts.
func (s *Signer) messageSignature(m message) error {
	key, err := s.current(m.at)
	if err != nil {
		return err
	}
	components := [][2]string{{"@method", m.Method}, {"@target-uri", m.URL.String()}}
	if len(m.body) > 0 {
		digest := sha256.Sum256(m.body)
		m.Header.Set("Content-Digest", "sha-256="+item(digest[:]))
		components = append(components, [2]string{"content-digest", m.Header.Get("Content-Digest")})
	}
	base, params := signatureBase(components, fmt.Sprintf(`;created=%d;keyid="%s";alg="%s"`, m.at.Unix(), key.ID, key.Algorithm))
	signature, err := s.signBase(m, key.Algorithm, []byte(base))
	if err != nil {
		return err
	}
	m.Header.Set("Signature-Input", "sig1="+params)
	m.Header.Set("Signature", "sig1="+item(signature))
	return nil
}

// signatureBase is what is signed (RFC 9421, section 2.5), and the signature's
// parameters, which end it.
func signatureBase(components [][2]string, parameters string) (base, params string) {
	var names []string
	for _, component := range components {
		name := `"` + component[0] + `"`
		base += name + ": " + component[1] + "\n"
		names = append(names, name)
	}
	params = "(" + strings.Join(names, " ") + ")" + parameters
	return base + `"@signature-params": ` + params, params
}

// item is a byte sequence of RFC 8941, section 3.3.5.
func item(bytes []byte) string { return ":" + base64.StdEncoding.EncodeToString(bytes) + ":" }

// signBase signs by one of the algorithms of RFC 9421, section 3.3.
func (s *Signer) signBase(m message, algorithm string, base []byte) ([]byte, error) {
	if algorithm == "hmac-sha256" {
		return s.mac(m, "sha256", base)
	}
	switch key := s.key.(type) {
	case ed25519.PrivateKey:
		if algorithm == "ed25519" {
			return ed25519.Sign(key, base), nil
		}
	case *ecdsa.PrivateKey:
		return signECDSA(key, algorithm, base)
	case *rsa.PrivateKey:
		if algorithm == "rsa-pss-sha512" {
			digest := sha512.Sum512(base)
			return rsa.SignPSS(rand.Reader, key, crypto.SHA512, digest[:], &rsa.PSSOptions{SaltLength: sha512.Size})
		}
	}
	return nil, errors.New("the sender's key is needed, of the kind that the source's verifier has; give --sign-key")
}

// signECDSA is r and s, each of the curve's size.
func signECDSA(key *ecdsa.PrivateKey, algorithm string, base []byte) ([]byte, error) {
	size := (key.Curve.Params().BitSize + 7) / 8
	var digest []byte
	switch {
	case algorithm == "ecdsa-p256-sha256" && size == 32:
		sum := sha256.Sum256(base)
		digest = sum[:]
	case algorithm == "ecdsa-p384-sha384" && size == 48:
		sum := sha512.Sum384(base)
		digest = sum[:]
	default:
		return nil, errors.New("the key is not of the curve that the source's verifier has")
	}
	r, s, err := ecdsa.Sign(rand.Reader, key, digest)
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 2*size)
	r.FillBytes(signature[:size])
	s.FillBytes(signature[size:])
	return signature, nil
}
