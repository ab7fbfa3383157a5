package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"
)

// form is one way in which a value may be written down.
type form struct {
	name  string
	bytes []byte
}

// forms are the ways in which the searcher knows a value. A form that is the
// same as one before it is left out.
func forms(value []byte) []form {
	text := string(value)
	all := []form{
		{"raw", value},
		{"hex, lower", []byte(hex.EncodeToString(value))},
		{"hex, upper", []byte(strings.ToUpper(hex.EncodeToString(value)))},
		{"URL query", []byte(url.QueryEscape(text))},
		{"URL path", []byte(url.PathEscape(text))},
		{"URL, every byte, upper", []byte(eachByte(value, "%%%02X"))},
		{"URL, every byte, lower", []byte(eachByte(value, "%%%02x"))},
		{"JSON", quotedJSON(text, false)},
		{"JSON for HTML", quotedJSON(text, true)},
		{"JSON, every unit", []byte(eachUnit(text))},
		{"Go string", []byte(strings.Trim(fmt.Sprintf("%q", text), `"`))},
		{"Go bytes", []byte(strings.Trim(fmt.Sprintf("%d", value), "[]"))},
		{"UTF-16LE", wide(text, binary.LittleEndian)},
		{"UTF-16BE", wide(text, binary.BigEndian)},
	}
	for before := range 3 {
		all = append(all, form{fmt.Sprintf("base64, %d before", before), inner(base64.RawStdEncoding, value, before)},
			form{fmt.Sprintf("base64url, %d before", before), inner(base64.RawURLEncoding, value, before)})
	}
	var out []form
	seen := map[string]bool{}
	for _, f := range all {
		if !seen[string(f.bytes)] {
			seen[string(f.bytes)] = true
			out = append(out, f)
		}
	}
	return out
}

// inner is what every base64 has in it that encodes a text with value in it,
// where the number of bytes before value leaves that rest by 3. It has neither
// the first nor the last characters, which depend on what is around, nor
// padding, so it is found with and without.
func inner(encoding *base64.Encoding, value []byte, before int) []byte {
	skip := (3 - before) % 3
	whole := value[skip:]
	return []byte(encoding.EncodeToString(whole[:len(whole)/3*3]))
}

func eachByte(value []byte, format string) string {
	var b strings.Builder
	for _, c := range value {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func eachUnit(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		fmt.Fprintf(&b, `\u%04x`, unit)
	}
	return b.String()
}

func quotedJSON(text string, html bool) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(html)
	if err := encoder.Encode(text); err != nil {
		panic(err) // a string has JSON, always
	}
	return bytes.TrimSuffix(bytes.TrimPrefix(bytes.TrimSpace(b.Bytes()), []byte(`"`)), []byte(`"`))
}

func wide(text string, order binary.AppendByteOrder) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

// prefixLen is how much of a form the searcher's index holds.
const prefixLen = 8

// needle is a form of one of the searcher's values.
type needle struct {
	value int
	form
}

// searcher finds many values in all their forms in one pass over the data.
type searcher struct {
	needles  map[uint64][]needle
	count    int
	searched int // bytes
}

func newSearcher(values [][]byte) *searcher {
	s := &searcher{needles: map[uint64][]needle{}}
	for i, value := range values {
		for _, f := range forms(value) {
			if len(f.bytes) < prefixLen {
				panic("a form is too short to be searched for: " + f.name)
			}
			prefix := binary.BigEndian.Uint64(f.bytes)
			s.needles[prefix] = append(s.needles[prefix], needle{i, f})
			s.count++
		}
	}
	return s
}

// hit is where a value was found. It does not repeat the value.
type hit struct {
	value       int
	form, where string
	offset      int
}

func (h hit) String() string {
	return fmt.Sprintf("value %d as %s in %s at %d", h.value, h.form, h.where, h.offset)
}

func (s *searcher) search(where string, data []byte) []hit {
	var hits []hit
	s.searched += len(data)
	var window uint64
	for end, c := range data {
		window = window<<8 | uint64(c)
		start := end + 1 - prefixLen
		if start < 0 {
			continue
		}
		for _, n := range s.needles[window] {
			if bytes.HasPrefix(data[start:], n.bytes) {
				hits = append(hits, hit{n.value, n.name, where, start})
			}
		}
	}
	return hits
}

// searchTree looks into the names and the contents of all files below dir.
func (s *searcher) searchTree(dir string) (hits []hit, files int, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hits = append(hits, s.search("the name "+path, []byte(entry.Name()))...)
		if entry.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		hits = append(hits, s.search(path, data)...)
		return nil
	})
	return hits, files, err
}
