package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	josecipher "github.com/go-jose/go-jose/v4/cipher"
)

func base64url(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// jweParts is an envelope for one recipient.
type jweParts struct {
	protected           string // JSON
	key, iv, ciphertext []byte
	tag                 []byte
	cek                 []byte
}

// jweSeal seals the content with AES-256-GCM under a header, with additional
// authenticated data as it stands behind the header, which may be empty.
func jweSeal(protected string, cek, plaintext []byte, aad string) jweParts {
	p := jweParts{protected: protected, iv: random(12), cek: cek}
	additional := base64url([]byte(protected))
	if aad != "" {
		additional += "." + aad
	}
	sealed := must(cipher.NewGCM(must(aes.NewCipher(cek)))).Seal(nil, p.iv, plaintext, []byte(additional))
	p.ciphertext, p.tag = sealed[:len(plaintext)], sealed[len(plaintext):]
	return p
}

func (p jweParts) compact() []byte {
	return []byte(strings.Join([]string{base64url([]byte(p.protected)), base64url(p.key), base64url(p.iv), base64url(p.ciphertext), base64url(p.tag)}, "."))
}

// members are those of the flattened JSON serialization.
func (p jweParts) members() []string {
	return []string{
		"protected", quoted(p.protected), "encrypted_key", text(p.key), "iv", text(p.iv),
		"ciphertext", text(p.ciphertext), "tag", text(p.tag),
	}
}

// object writes a JSON object of names and values, in their order, as often as
// they are given.
func object(members ...string) string {
	var list []string
	for pair := range slices.Chunk(members, 2) {
		list = append(list, strconv.Quote(pair[0])+":"+pair[1])
	}
	return "{" + strings.Join(list, ",") + "}"
}

// text is a JSON string of base64url, quoted that of a text.
func text(data []byte) string   { return strconv.Quote(base64url(data)) }
func quoted(data string) string { return text([]byte(data)) }

// The headers of right envelopes: kid may be empty.
func rsaHeader(kid string) string { return jweHeader("RSA-OAEP-256", kid) }

func ecHeader(kid, epk string, more ...string) string {
	return jweHeader("ECDH-ES+A256KW", kid, append([]string{"epk", epk}, more...)...)
}

func jweHeader(alg, kid string, more ...string) string {
	members := []string{"alg", strconv.Quote(alg), "enc", `"A256GCM"`}
	if kid != "" {
		members = append(members, "kid", strconv.Quote(kid))
	}
	return object(append(members, more...)...)
}

// jweTo seals to a key of any kind, under a kid, with further members of the
// header.
func jweTo(kind, kid string, plaintext []byte, more ...string) jweParts {
	cek := random(32)
	if isRSA(kind) {
		p := jweSeal(jweHeader("RSA-OAEP-256", kid, more...), cek, plaintext, "")
		p.key = rsaOAEP(kind, cek)
		return p
	}
	epk, wrapped := ecdhES(kind, cek, nil, nil)
	p := jweSeal(ecHeader(kid, epk, more...), cek, plaintext, "")
	p.key = wrapped
	return p
}

func isRSA(key string) bool {
	_, is := publicKey(key).(*rsa.PublicKey)
	return is
}

func rsaOAEP(kind string, cek []byte) []byte {
	return must(rsa.EncryptOAEP(sha256.New(), rand.Reader, publicKey(kind).(*rsa.PublicKey), cek, nil))
}

// ecdhES wraps a key with ECDH-ES+A256KW. It returns the ephemeral key as JWK.
func ecdhES(kind string, cek, apu, apv []byte) (epk string, wrapped []byte) {
	point, z := agree(kind)
	kek := concatKDF(z, "ECDH-ES+A256KW", apu, apv)
	return epkOf(kind, point), must(josecipher.KeyWrap(must(aes.NewCipher(kek)), cek))
}

// concatKDF is the one round that 32 bytes need (RFC 7518, section 4.6.2).
func concatKDF(z []byte, algorithm string, apu, apv []byte) []byte {
	input := append([]byte{0, 0, 0, 1}, z...)
	for _, info := range [][]byte{[]byte(algorithm), apu, apv} {
		input = binary.BigEndian.AppendUint32(input, uint32(len(info)))
		input = append(input, info...)
	}
	sum := sha256.Sum256(append(input, 0, 0, 1, 0)) // 256 bits are wanted.
	return sum[:]
}

// epkOf writes a point of the kind's curve as JWK.
func epkOf(kind string, point []byte) string {
	if _, ok := publicKey(kind).(*ecdsa.PublicKey); !ok {
		return object("kty", `"OKP"`, "crv", `"X25519"`, "x", text(point))
	}
	half := (len(point) - 1) / 2
	return object("kty", `"EC"`, "crv", strconv.Quote(curveName(kind)), "x", text(point[1:1+half]), "y", text(point[1+half:]))
}

func curveName(kind string) string { return publicKey(kind).(*ecdsa.PublicKey).Params().Name }

// general writes the general JSON serialization.
func general(protected string, p jweParts, recipients ...string) []byte {
	return []byte(object("protected", quoted(protected), "recipients", "["+strings.Join(recipients, ",")+"]",
		"iv", text(p.iv), "ciphertext", text(p.ciphertext), "tag", text(p.tag)))
}

// jweRecipient is a member of recipients, with its own header.
func jweRecipient(kind, kid string, cek []byte) string {
	if isRSA(kind) {
		return object("header", object("alg", `"RSA-OAEP-256"`, "kid", strconv.Quote(kid)), "encrypted_key", text(rsaOAEP(kind, cek)))
	}
	epk, wrapped := ecdhES(kind, cek, nil, nil)
	header := object("alg", `"ECDH-ES+A256KW"`, "kid", strconv.Quote(kid), "epk", epk)
	return object("header", header, "encrypted_key", text(wrapped))
}

// without leaves out members by their name, with replaces the value of one.
func without(members []string, names ...string) []string {
	var kept []string
	for pair := range slices.Chunk(members, 2) {
		if !slices.Contains(names, pair[0]) {
			kept = append(kept, pair...)
		}
	}
	return kept
}

func with(members []string, name, value string) []string {
	changed := slices.Clone(members)
	for i := 0; i < len(changed); i += 2 {
		if changed[i] == name {
			changed[i+1] = value
			return changed
		}
	}
	panic(fmt.Sprintf("no member %s", name))
}

func keyWrap(kek, key []byte) []byte {
	return must(josecipher.KeyWrap(must(aes.NewCipher(kek)), key))
}
