package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
)

// ParsePrivate reads the one private key of a file: PEM with PKCS#8, PKCS#1 or
// SEC1 (an EC PARAMETERS block, certificates and text beside it are fine),
// encrypted PKCS#8 (PBES2 with PBKDF2) and legacy encrypted PEM, or an age
// identity file. It returns a *rsa.PrivateKey, *ecdsa.PrivateKey,
// *secp256k1.PrivateKey, ed25519.PrivateKey, *age.X25519Identity or
// *age.HybridIdentity. password is used for an encrypted key only; nil means
// that there is none. Errors wrap ErrMalformed, ErrUnsupported or ErrPassword
// and repeat nothing of what data holds. The caller wipes data and password.
func ParsePrivate(data, password []byte) (any, error) {
	data = bytes.TrimPrefix(data, byteOrderMark)
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return parsePrivatePEM(data, password)
	}
	if isDER(data) {
		return nil, fmt.Errorf("%w: the file is DER; convert it to PEM", ErrUnsupported)
	}
	return parseIdentityText(string(data))
}

func parsePrivatePEM(data, password []byte) (any, error) {
	var found any
	var other string
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			other = block.Type
			continue
		}
		key, err := parsePrivateBlock(block, password)
		clear(block.Bytes)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return nil, fmt.Errorf("%w: the file has several private keys; give one", ErrMalformed)
		}
		found = key
	}
	switch {
	case found != nil:
		return found, nil
	case other != "":
		return nil, fmt.Errorf("%w: no private key in the file, only %q", ErrMalformed, other)
	}
	return nil, fmt.Errorf("%w: no private key in the PEM file, or its block is damaged", ErrMalformed)
}

func parsePrivateBlock(block *pem.Block, password []byte) (any, error) {
	switch block.Type {
	case "ENCRYPTED PRIVATE KEY":
		der, err := decryptPKCS8(block.Bytes, password)
		return parseDecrypted(der, err, parsePKCS8)
	case "OPENSSH PRIVATE KEY":
		return nil, fmt.Errorf("%w: OpenSSH private key; convert it with ssh-keygen -p -m PKCS8", ErrUnsupported)
	}
	parse, known := map[string]func([]byte) (any, error){
		"PRIVATE KEY":     parsePKCS8,
		"RSA PRIVATE KEY": parsePKCS1,
		"EC PRIVATE KEY":  parseSEC1,
	}[block.Type]
	if !known {
		return nil, fmt.Errorf("%w: PEM block %q", ErrUnsupported, block.Type)
	}
	if block.Headers["DEK-Info"] != "" {
		der, err := decryptLegacy(block, password)
		return parseDecrypted(der, err, parse)
	}
	return parse(block.Bytes)
}

// parseDecrypted reads what a password opened. Neither container authenticates
// what it holds, so a wrong password may first show in DER that is none.
func parseDecrypted(der []byte, err error, parse func([]byte) (any, error)) (any, error) {
	if err != nil {
		return nil, err
	}
	defer clear(der)
	key, err := parse(der)
	if errors.Is(err, ErrMalformed) {
		return nil, errWrongPassword
	}
	return key, err
}

func parsePKCS8(der []byte) (any, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if key, found := secp256k1PKCS8(der); found {
			return key, nil
		}
		return nil, fmt.Errorf("%w: PKCS#8 private key is damaged or of an unknown kind", ErrMalformed)
	}
	switch key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("%w: private key is a %T; RSA, EC and age keys can be used", ErrUnsupported, key)
}

func parsePKCS1(der []byte) (any, error) {
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%w: PKCS#1 private key is damaged", ErrMalformed)
	}
	return key, nil
}

func parseSEC1(der []byte) (any, error) {
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		if key, found := secp256k1SEC1(der, false); found {
			return key, nil
		}
		return nil, fmt.Errorf("%w: EC private key is damaged or on an unknown curve", ErrMalformed)
	}
	return key, nil
}

// parseIdentityText reads the one identity of an age identity file. Its errors
// say nothing of the line, not even which character is wrong.
func parseIdentityText(text string) (any, error) {
	var found any
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var key any
		var err error
		switch {
		case strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1"):
			key, err = age.ParseHybridIdentity(line)
		case strings.HasPrefix(line, "AGE-SECRET-KEY-1"):
			key, err = age.ParseX25519Identity(line)
		default:
			return nil, fmt.Errorf("%w: neither a PEM private key nor an age identity", ErrMalformed)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: age identity has a typing error or is cut off", ErrMalformed)
		}
		if found != nil {
			return nil, fmt.Errorf("%w: the file has several age identities; give one", ErrMalformed)
		}
		found = key
	}
	if found == nil {
		return nil, fmt.Errorf("%w: the file is empty", ErrMalformed)
	}
	return found, nil
}
