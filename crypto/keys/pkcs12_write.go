package keys

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// MarshalPKCS12 writes a PKCS#12 keystore (RFC 7292) with a private key of a type
// that MarshalPrivate takes, its certificate and those that this was issued by,
// as PEM, the key's own first, and an alias ("friendly name") for the key. Key
// and certificates are encrypted as MarshalPrivate has it, the whole is
// authenticated with HMAC-SHA-256 under the same number of rounds: OpenSSL since
// 1.1 and Java since 8u301 read it, the latter if the password is ASCII.
//
// ErrUnsupported is returned for an empty password and a key of another type,
// ErrMalformed for certificates that are none, are not for the key, or an alias
// that is empty or not UTF-8. The caller wipes password.
func MarshalPKCS12(privateKey any, certificates []byte, alias string, password []byte) ([]byte, error) {
	return marshalPKCS12(privateKey, certificates, alias, lock{password, writtenRounds})
}

// SendPKCS12 is MarshalPKCS12 for what is sent at once, over a connection that is
// secure, together with a password that was made at random for it, and kept nowhere:
// it takes a three-hundredth of the time, on either side.
func SendPKCS12(privateKey any, certificates []byte, alias string, password []byte) ([]byte, error) {
	return marshalPKCS12(privateKey, certificates, alias, lock{password, sentRounds})
}

func marshalPKCS12(privateKey any, certificates []byte, alias string, with lock) ([]byte, error) {
	if alias == "" || !utf8.ValidString(alias) {
		return nil, fmt.Errorf("%w: the alias of a keystore's key is empty or not UTF-8", ErrMalformed)
	}
	chain, err := chainFor(privateKey, certificates)
	if err != nil {
		return nil, err
	}
	plain, err := marshalPKCS8(privateKey)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	encryptedKey, err := encryptPKCS8(plain, with)
	if err != nil {
		return nil, err
	}
	certBags, err := encryptedCertBags(chain, alias, with)
	if err != nil {
		return nil, err
	}
	safe := build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			addContentInfo(b, oidEncryptedData, func(b *cryptobyte.Builder) { b.AddBytes(certBags) })
			addContentInfo(b, oidData, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(build(func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
						addBag(b, oidShroudedKeyBag, encryptedKey, attributes(alias, chain[0]))
					})
				}))
			})
		})
	})
	return sealPKCS12(safe, with), nil
}

// chainFor returns the certificates as DER; the first must be for the key.
func chainFor(privateKey any, certificates []byte) ([][]byte, error) {
	var chain [][]byte
	for block, rest := pem.Decode(certificates); block != nil; block, rest = pem.Decode(rest) {
		chain = append(chain, block.Bytes)
	}
	public, err := ParsePublic(certificates)
	if err != nil {
		return nil, err
	}
	id, err := privateKeyID(privateKey)
	if err != nil {
		return nil, err
	}
	if public.CertificateDER == nil || len(chain) > maxChain || public.ID() != id {
		return nil, fmt.Errorf("%w: the certificate for the keystore is not that of the key, or has too many behind it", ErrMalformed)
	}
	return chain, nil
}

// encryptedCertBags is encryptedContents of the certificates.
func encryptedCertBags(chain [][]byte, alias string, with lock) ([]byte, error) {
	bags := build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			for i, certificate := range chain {
				var set []byte
				if i == 0 {
					set = attributes(alias, certificate)
				}
				addBag(b, oidCertBag, certBag(certificate), set)
			}
		})
	})
	return encryptedContents(bags, with)
}

// encryptedContents is EncryptedData (RFC 5652, section 8) of SafeContents.
func encryptedContents(contents []byte, with lock) ([]byte, error) {
	algorithm, encrypted, err := encryptPBES2(contents, with)
	if err != nil {
		return nil, err
	}
	identifier, err := asn1.Marshal(algorithm)
	if err != nil {
		return nil, err
	}
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(0)
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(parseOID(oidData))
				b.AddBytes(identifier)
				b.AddASN1(der.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(encrypted) })
			})
		})
	}), nil
}

// certBag is CertBag (RFC 7292, section 4.2.3).
func certBag(certificate []byte) []byte {
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(parseOID(oidX509Certificate))
			b.AddASN1(explicit0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(certificate) })
		})
	})
}

// explicit0 is [0] EXPLICIT.
var explicit0 = der.Tag(0).ContextSpecific().Constructed()

// addContentInfo adds ContentInfo (RFC 5652, section 3).
func addContentInfo(b *cryptobyte.Builder, oid string, content cryptobyte.BuilderContinuation) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(parseOID(oid))
		b.AddASN1(explicit0, content)
	})
}

// addBag adds SafeBag (RFC 7292, section 4.2).
func addBag(b *cryptobyte.Builder, oid string, value, attributes []byte) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(parseOID(oid))
		b.AddASN1(explicit0, func(b *cryptobyte.Builder) { b.AddBytes(value) })
		b.AddBytes(attributes)
	})
}

// attributes are the alias, and what a key and its certificate share.
func attributes(alias string, certificate []byte) []byte {
	name := bmpText(alias)
	keyID := sha256.Sum256(certificate)
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
			// DER wants the members of a SET OF in the order of their encodings.
			members := [][]byte{
				attribute(oidFriendlyName, der.Tag(30), name), // BMPString
				attribute(oidLocalKeyID, der.OCTET_STRING, keyID[:]),
			}
			if bytes.Compare(members[0], members[1]) > 0 {
				members[0], members[1] = members[1], members[0]
			}
			b.AddBytes(bytes.Join(members, nil))
		})
	})
}

// bmpText is the content of a BMPString.
func bmpText(text string) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = append(out, byte(unit>>8), byte(unit))
	}
	return out
}

func attribute(oid string, tag der.Tag, value []byte) []byte {
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(parseOID(oid))
			b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
				b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(value) })
			})
		})
	})
}

// sealPKCS12 puts PFX with its MacData around the contents (RFC 7292, section 4
// and appendix B.4).
func sealPKCS12(safe []byte, with lock) []byte {
	salt := make([]byte, writtenSalt)
	_, _ = rand.Read(salt) // It never fails.
	bmp := bmpPassword(with.password)
	defer clear(bmp)
	key := pkcs12Key(sha256.New, bmp, salt, 3, with.rounds, sha256.Size)
	defer clear(key)
	mac := hmac.New(sha256.New, key)
	mac.Write(safe)
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(3)
			addContentInfo(b, oidData, func(b *cryptobyte.Builder) { b.AddASN1OctetString(safe) })
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(parseOID(oidSHA256))
						b.AddASN1NULL()
					})
					b.AddASN1OctetString(mac.Sum(nil))
				})
				b.AddASN1OctetString(salt)
				b.AddASN1Int64(int64(with.rounds))
			})
		})
	})
}

// build builds DER from parts that always fit.
func build(parts cryptobyte.BuilderContinuation) []byte {
	b := cryptobyte.NewBuilder(nil)
	parts(b)
	return b.BytesOrPanic()
}
