package main

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// The classes; testdata/vectors/README.md says what each means.
const (
	good           = "good"
	noMatch        = "no_match"
	damaged        = "damaged"
	malformed      = "malformed"
	forbidden      = "forbidden"
	unsupportedKey = "unsupported_key"
)

// vector is one case, as it is in the file.
type vector struct {
	ID       string `json:"id"`
	Comment  string `json:"comment"`
	Class    string `json:"class"`
	Legacy   bool   `json:"legacy,omitempty"`
	Identity string `json:"identity"`
	Source   string `json:"source"`
	// Header is that of a js7 file, which is kept apart from it.
	Header string `json:"header,omitempty"`
	// One of the next three has the envelope.
	Envelope       *string `json:"envelope,omitempty"`
	EnvelopeBase64 string  `json:"envelope_base64,omitempty"`
	EnvelopeZlib   string  `json:"envelope_zlib_base64,omitempty"`
	EnvelopeFile   string  `json:"envelope_file,omitempty"`
	// PlaintextBase64 is left out where EnvelopeZlib is used.
	PlaintextBase64 *string `json:"plaintext_base64,omitempty"`
	PlaintextSHA256 string  `json:"plaintext_sha256,omitempty"`
}

// set is the cases of one format.
type set struct {
	Format string    `json:"format"`
	Cases  []*vector `json:"cases"`
	// source and legacy are those of the cases that are added next.
	source string
	legacy bool
}

// The sources of what no foreign program made.
const (
	forged = "forged by internal/vectors"
	sealed = "sealed by sealrelay"
)

// add adds a case of which opening fails.
func (s *set) add(id, class, identity string, envelope []byte, comment string) *vector {
	v := &vector{
		ID: s.Format + "-" + strings.TrimPrefix(id, s.Format+"-"), Comment: comment, Class: class, Legacy: s.legacy && class != malformed && class != forbidden,
		Identity: keyFile(identity), Source: s.source,
	}
	v.setEnvelope(envelope)
	s.Cases = append(s.Cases, v)
	return v
}

// good adds a case that opens to plaintext.
func (s *set) good(id, identity string, envelope, plaintext []byte, comment string) *vector {
	v := s.add(id, good, identity, envelope, comment)
	v.setPlaintext(plaintext)
	return v
}

func (v *vector) setPlaintext(plaintext []byte) {
	text := base64.StdEncoding.EncodeToString(plaintext)
	v.PlaintextBase64 = &text
	sum := sha256.Sum256(plaintext)
	v.PlaintextSHA256 = hex.EncodeToString(sum[:])
}

func (v *vector) setEnvelope(envelope []byte) {
	if printable(envelope) {
		text := string(envelope)
		v.Envelope = &text
		return
	}
	v.EnvelopeBase64 = base64.StdEncoding.EncodeToString(envelope)
}

// compress keeps a large envelope, and of its plaintext the digest only.
func (v *vector) compress(envelope []byte) {
	v.Envelope, v.EnvelopeBase64, v.PlaintextBase64 = nil, "", nil
	var buf bytes.Buffer
	w := must(zlib.NewWriterLevel(&buf, zlib.BestCompression))
	must(w.Write(envelope))
	check(w.Close())
	v.EnvelopeZlib = base64.StdEncoding.EncodeToString(buf.Bytes())
}

func printable(data []byte) bool {
	return utf8.Valid(data) && bytes.IndexFunc(data, func(r rune) bool {
		return r < ' ' && !strings.ContainsRune("\t\r\n", r) || r == 0x7f || r == '\ufeff'
	}) < 0
}

func (s *set) write() {
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false)
	to.SetIndent("", " ")
	check(to.Encode(s))
	check(os.WriteFile(filepath.Join(*folder, s.Format+".json"), text.Bytes(), 0o644))
}

// seal seals with the project's own packages, to one key or several.
func (s *set) seal(plaintext []byte, identities ...string) []byte {
	format := must(formats.ByName(s.Format))
	recipients := make([]recipient, len(identities))
	for i, name := range identities {
		recipients[i] = must(format.Recipient(must(keys.PublicOf(privateKey(name)))))
	}
	if len(recipients) == 1 {
		return must(recipients[0].Seal(plaintext))
	}
	return must(format.SealTo(plaintext, recipients...))
}

// plaintexts are what is sealed for each kind of key.
var plaintexts = []struct {
	name string
	data []byte
	note string
}{
	{"empty", nil, "the empty plaintext"},
	{"1", []byte("x"), "one byte"},
	{"15", fill(15), "a byte less than a block"},
	{"16", fill(16), "one whole block"},
	{"17", fill(17), "a byte more than a block"},
	{"1000", fill(1000), "many blocks"},
	{"utf8", []byte("pä€𝄞 \"quoted\"\n"), "UTF-8 of every length, quotes and a newline at the end, all of which is kept"},
	{"binary", binary256(), "each value of a byte once: a plaintext is bytes, not text"},
}

// fill is n bytes of text that shows what is missing of it.
func fill(n int) []byte {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('a' + i%26)
	}
	return text
}

func binary256() []byte {
	data := make([]byte, 256)
	for i := range data {
		data[i] = byte(i)
	}
	return data
}

// flip returns data with one bit changed, the lowest of the byte at that place;
// a place below zero counts from the end.
func flip(data []byte, at int) []byte {
	changed := bytes.Clone(data)
	if at < 0 {
		at += len(data)
	}
	changed[at] ^= 1
	return changed
}

// cut returns data without the last n bytes.
func cut(data []byte, n int) []byte { return bytes.Clone(data[:len(data)-n]) }
