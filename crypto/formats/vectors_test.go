package formats_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
)

const vectorFolder = "../../testdata/vectors"

// classes are the errors of the classes of the vectors.
var classes = map[string]error{
	"good":            nil,
	"no_match":        crypto.ErrNoMatch,
	"damaged":         crypto.ErrDamaged,
	"malformed":       crypto.ErrMalformed,
	"forbidden":       crypto.ErrForbidden,
	"unsupported_key": crypto.ErrUnsupportedKey,
}

// classOrder is that of the README's table.
var classOrder = []string{"good", "no_match", "damaged", "malformed", "forbidden", "unsupported_key"}

// vector is one case; testdata/vectors/README.md says what its members are.
type vector struct {
	ID              string  `json:"id"`
	Comment         string  `json:"comment"`
	Class           string  `json:"class"`
	Legacy          bool    `json:"legacy"`
	Identity        string  `json:"identity"`
	Source          string  `json:"source"`
	Header          string  `json:"header"`
	Envelope        *string `json:"envelope"`
	EnvelopeBase64  string  `json:"envelope_base64"`
	EnvelopeZlib    string  `json:"envelope_zlib_base64"`
	EnvelopeFile    string  `json:"envelope_file"`
	PlaintextBase64 *string `json:"plaintext_base64"`
	PlaintextSHA256 string  `json:"plaintext_sha256"`
}

// readVectors reads the cases of a format, and refuses what README does not say.
func readVectors(t *testing.T, format string) []vector {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(readVectorFile(t, format+".json")))
	decoder.DisallowUnknownFields()
	var set struct {
		Format string   `json:"format"`
		Cases  []vector `json:"cases"`
	}
	if err := decoder.Decode(&set); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("%s: something follows the set", format)
	}
	if set.Format != format {
		t.Errorf("%s.json is of format %q", format, set.Format)
	}
	return set.Cases
}

func readVectorFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectorFolder, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func fromBase64(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// bytes returns the envelope, which has exactly one of its members.
func (v vector) bytes(t *testing.T) []byte {
	t.Helper()
	var found [][]byte
	if v.Envelope != nil {
		found = append(found, []byte(*v.Envelope))
	}
	if v.EnvelopeBase64 != "" {
		found = append(found, fromBase64(t, v.EnvelopeBase64))
	}
	if v.EnvelopeFile != "" {
		found = append(found, readVectorFile(t, v.EnvelopeFile))
	}
	if v.EnvelopeZlib != "" {
		r, err := zlib.NewReader(bytes.NewReader(fromBase64(t, v.EnvelopeZlib)))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, data)
	}
	if len(found) != 1 {
		t.Fatalf("the case has %d envelopes", len(found))
	}
	return found[0]
}

// TestVectorsAreWhole holds the files to their README.
func TestVectorsAreWhole(t *testing.T) {
	readme := string(readVectorFile(t, "README.md"))
	ids, total := map[string]bool{}, 0
	for _, format := range formats.Names() {
		counts := map[string]int{}
		for _, v := range readVectors(t, format) {
			_, known := classes[v.Class]
			switch {
			case ids[v.ID] || v.ID == "":
				t.Errorf("%s: case %q comes twice", format, v.ID)
			case !known:
				t.Errorf("%s: class %q is not known", v.ID, v.Class)
			case v.Comment == "" || v.Source == "" || v.Identity == "":
				t.Errorf("%s: comment, source or identity is missing", v.ID)
			case (v.PlaintextSHA256 != "") != (v.Class == "good"):
				t.Errorf("%s: of class %s with plaintext %q", v.ID, v.Class, v.PlaintextSHA256)
			case v.Legacy && (v.Class == "malformed" || v.Class == "forbidden"):
				t.Errorf("%s: legacy, but of class %s", v.ID, v.Class)
			}
			ids[v.ID] = true
			counts[v.Class]++
			total++
		}
		for class := range classes {
			if counts[class] == 0 {
				t.Errorf("%s has no case of class %s", format, class)
			}
		}
		row := "| " + format + " |"
		for _, class := range classOrder {
			t.Logf("%-8s %-16s %4d", format, class, counts[class])
			row += fmt.Sprintf(" %d |", counts[class])
		}
		if !strings.Contains(readme, "\n"+row) {
			t.Errorf("the README's table lacks %s", row)
		}
	}
	t.Logf("%d cases", total)
	if total < 300 {
		t.Errorf("there are %d cases, want at least 300", total)
	}
}
