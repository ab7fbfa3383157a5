package keys

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// readPEM returns what the blocks of a PEM file hold (RFC 7468). Text around
// them, and blocks that hold no key, are passed over.
func readPEM(data []byte, with *unlocker) ([]item, error) {
	var items []item
	var chain []*pem.Block
	other, whole := "", 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		whole++
		switch {
		case isCertificateBlock(block.Type):
			if chain = append(chain, block); len(chain) > 1 {
				continue
			}
			items = append(items, item{
				name:      "a certificate",
				container: X509,
				// It is called when all of the chain has been found.
				publics: func() ([]*Public, error) { return one(parseChain(chain)) },
			})
		case strings.HasSuffix(block.Type, "PUBLIC KEY"):
			items = append(items, publicBlock(block))
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			items = append(items, privateBlock(block, with))
		default:
			other = block.Type
		}
	}
	switch {
	case whole < begun(data):
		return nil, fmt.Errorf("%w: a PEM block is damaged or cut off", ErrMalformed)
	case items != nil:
		return items, nil
	case other != "":
		return nil, fmt.Errorf("%w: %s", ErrMalformed, describePEM(other))
	}
	return nil, fmt.Errorf("%w: a PEM block is damaged or cut off", ErrMalformed)
}

// begun counts the lines that begin a PEM block: the decoder passes over a
// damaged block, of which the user should be told.
func begun(data []byte) int {
	n := 0
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte("-----BEGIN ")) {
			n++
		}
	}
	return n
}

func isCertificateBlock(kind string) bool {
	return kind == "CERTIFICATE" || kind == "TRUSTED CERTIFICATE" || kind == "X509 CERTIFICATE"
}

// parseChain reads a certificate and those behind it. Of these, the ones with
// keys that the standard library does not know are no use as intermediates.
func parseChain(blocks []*pem.Block) (*Public, error) {
	var leaf *Public
	for _, block := range blocks {
		public, err := parseCertificate(block.Bytes, block.Type == "TRUSTED CERTIFICATE")
		switch {
		case leaf != nil && errors.Is(err, ErrUnsupported):
		case err != nil:
			return nil, err
		case leaf == nil:
			leaf = public
		case public.Certificate != nil:
			leaf.Intermediates = append(leaf.Intermediates, public.Certificate)
		}
	}
	return leaf, nil
}

// publicBlock reads SPKI under each of the three names in use, and PKCS#1 (RFC
// 8017, A.1.1) under the one that is its own.
func publicBlock(block *pem.Block) item {
	name := fmt.Sprintf("a PEM block %.40q", block.Type)
	switch block.Type {
	case "RSA PUBLIC KEY":
		if shapeOf(block.Bytes) == shapePKCS1Public {
			return publicItem(name, PKCS1, func() (any, error) { return parsePKCS1Public(block.Bytes) })
		}
		fallthrough
	case "PUBLIC KEY", "EC PUBLIC KEY":
		return publicItem(name, SPKI, func() (any, error) { return parseSPKI(block.Bytes) })
	}
	return publicItem(name, SPKI, func() (any, error) {
		return nil, fmt.Errorf("%w: PEM block %.40q; PUBLIC KEY, RSA PUBLIC KEY and EC PUBLIC KEY are read", ErrUnsupported, block.Type)
	})
}

// privateBlock reads a private key, which may be encrypted as its block's name
// or its headers say.
func privateBlock(block *pem.Block, with *unlocker) item {
	name := fmt.Sprintf("a PEM block %.40q", block.Type)
	container, parse := PKCS8, parsePKCS8
	switch block.Type {
	case "OPENSSH PRIVATE KEY":
		return openSSHItem(name, block, with)
	case "ENCRYPTED PRIVATE KEY":
		return encryptedItem(name, block.Bytes, with)
	case "PRIVATE KEY":
	case "RSA PRIVATE KEY":
		container, parse = PKCS1, parsePKCS1
	case "EC PRIVATE KEY":
		container, parse = SEC1, parseSEC1
	default:
		return privateItem(name, PKCS8, func() (any, error) {
			return nil, fmt.Errorf("%w: PEM block %.40q", ErrUnsupported, block.Type)
		})
	}
	read := privateItem(name, container, func() (any, error) {
		defer clear(block.Bytes)
		return parse(block.Bytes)
	})
	if block.Headers["DEK-Info"] != "" {
		read.encrypted = true
		read.privates = func() ([]any, error) {
			der, err := decryptLegacy(block, with.password)
			return one(parseDecrypted(der, err, parse))
		}
	}
	return read
}

// encryptedItem is an EncryptedPrivateKeyInfo.
func encryptedItem(name string, der []byte, with *unlocker) item {
	read := privateItem(name, PKCS8, func() (any, error) {
		der, err := decryptPKCS8(der, with)
		return parseDecrypted(der, err, parsePKCS8)
	})
	read.encrypted = true
	return read
}
