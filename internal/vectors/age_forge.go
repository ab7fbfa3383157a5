package main

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/ssh"
)

const (
	ageIntro = "age-encryption.org/v1\n"
	ageChunk = 64 << 10
)

// ageFile is the parts of a file: stanzas as text, and chunks as they are. The
// MAC is made of the stanzas unless it is given.
type ageFile struct {
	fileKey []byte
	stanzas []string
	mac     string
	nonce   []byte
	chunks  [][]byte
}

// ageTo seals for keys.
func ageTo(plaintext []byte, kinds ...string) ageFile {
	f := ageFile{fileKey: random(16), nonce: random(16)}
	for _, kind := range kinds {
		f.stanzas = append(f.stanzas, stanzaText(ageWrap(kind, f.fileKey)))
	}
	f.seal(plaintext)
	return f
}

// seal sets the chunks to those of a plaintext.
func (f *ageFile) seal(plaintext []byte) {
	f.chunks = nil
	for {
		n := min(len(plaintext), ageChunk)
		last := n == len(plaintext)
		f.chunks = append(f.chunks, f.chunk(len(f.chunks), last, plaintext[:n]))
		if plaintext = plaintext[n:]; last {
			return
		}
	}
}

// chunk seals one chunk with ChaCha20-Poly1305, whose nonce counts the chunks
// and marks the last.
func (f *ageFile) chunk(number int, last bool, plaintext []byte) []byte {
	key := must(hkdf.Key(sha256.New, f.fileKey, f.nonce, "payload", chacha20poly1305.KeySize))
	nonce := make([]byte, chacha20poly1305.NonceSize)
	nonce[10] = byte(number)
	if last {
		nonce[11] = 1
	}
	return must(chacha20poly1305.New(key)).Seal(nil, nonce, plaintext, nil)
}

// zeroChunk is the plaintext of n bytes whose ciphertext is zeros, which
// compress well.
func (f *ageFile) zeroChunk(number int, last bool, n int) []byte {
	return f.chunk(number, last, make([]byte, n))[:n]
}

func (f *ageFile) header() string {
	head := ageIntro + strings.Join(f.stanzas, "") + "---"
	mac := f.mac
	if mac == "" {
		h := hmac.New(sha256.New, must(hkdf.Key(sha256.New, f.fileKey, nil, "header", sha256.Size)))
		h.Write([]byte(head))
		mac = " " + base64.RawStdEncoding.EncodeToString(h.Sum(nil)) + "\n"
	}
	return head + mac
}

func (f *ageFile) bytes() []byte {
	return slices.Concat([]byte(f.header()), f.nonce, bytes.Join(f.chunks, nil))
}

// ageWrap makes a stanza with the library of the age command.
func ageWrap(kind string, fileKey []byte) *age.Stanza {
	var to age.Recipient
	switch key := publicKey(kind).(type) {
	case age.Recipient:
		to = key
	case *rsa.PublicKey:
		to = must(agessh.NewRSARecipient(must(ssh.NewPublicKey(key))))
	default:
		to = must(agessh.NewEd25519Recipient(must(ssh.NewPublicKey(key))))
	}
	return must(to.Wrap(fileKey))[0]
}

// stanzaText writes a stanza: its body in lines of 64 characters, the last of
// which is shorter, and may be empty.
func stanzaText(s *age.Stanza) string {
	return "-> " + strings.Join(append([]string{s.Type}, s.Args...), " ") + "\n" + bodyText(s.Body)
}

func bodyText(body []byte) string {
	encoded := base64.RawStdEncoding.EncodeToString(body)
	var lines strings.Builder
	for ; len(encoded) >= 64; encoded = encoded[64:] {
		lines.WriteString(encoded[:64] + "\n")
	}
	return lines.String() + encoded + "\n"
}

// ageArmor is the armor of age: PEM with a label of its own.
func ageArmor(file []byte) string { return string(pemOf("AGE ENCRYPTED FILE", file)) }
