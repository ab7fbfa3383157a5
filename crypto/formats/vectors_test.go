package formats_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/js7"
	"github.com/sealrelay/sealrelay/crypto/keys"
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

// knownDefects are the cases that this library does not get right yet, and what
// it does instead. A case that it gets right must not be on the list.
var knownDefects = map[string]string{
	"cms-p256-content-type-twice":      "opens: authenticated attributes are not looked at",
	"cms-p256-content-type-two-values": "opens: authenticated attributes are not looked at",
	"cms-p256-content-type-other":      "opens: authenticated attributes are not looked at",
	"jwe-x25519-epk-with-y":            "opens: y is not refused on X25519",
	"age-armor-space-before":           "opens where the format is known, but is not detected as age",
}

// failures are what is wrong with one case.
type failures []string

func (f *failures) addf(format string, arguments ...any) {
	*f = append(*f, fmt.Sprintf(format, arguments...))
}

// TestVectorKeys holds the folder of keys to its list.
func TestVectorKeys(t *testing.T) {
	list := string(readVectorFile(t, "keys/README.md"))
	entries, err := os.ReadDir(filepath.Join(vectorFolder, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if name != "README.md" && !strings.Contains(list, "| `"+name+"` |") {
			t.Errorf("%s is not on the list", name)
		}
	}
}

// TestVectors opens each case in every way there is.
func TestVectors(t *testing.T) {
	for _, format := range formats.All {
		for _, v := range readVectors(t, format.Name) {
			t.Run(v.ID, func(t *testing.T) {
				t.Parallel()
				found := runVector(t, v, format)
				if defect, known := knownDefects[v.ID]; known {
					t.Logf("known defect, %s:\n%s", defect, strings.Join(found, "\n"))
					if len(found) == 0 {
						t.Error("it is right; take it off the list of known defects")
					}
					return
				}
				for _, failure := range found {
					t.Error(failure)
				}
			})
		}
	}
}

func runVector(t *testing.T, v vector, format crypto.Format) failures {
	t.Helper()
	var found failures
	private := readIdentity(t, v.Identity)
	envelope := v.bytes(t)
	if v.Header != "" {
		openFile(&found, v, private, envelope)
		return found
	}
	openAlike(&found, v, format, private, envelope)
	rewriteAll(&found, v, format, private, envelope)
	refuseLegacy(&found, v, envelope)
	return found
}

// identities holds the keys that were read, since parsing RSA keys takes its
// time.
var identities sync.Map

func readIdentity(t *testing.T, name string) any {
	t.Helper()
	if key, found := identities.Load(name); found {
		return key
	}
	key, err := keys.ParsePrivate(readVectorFile(t, name), nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	identities.Store(name, key)
	return key
}

// openAlike holds all functions that open to what the case says.
func openAlike(found *failures, v vector, format crypto.Format, private any, envelope []byte) {
	plaintext, err := formats.Open(envelope, private)
	v.expect(found, "formats.Open", plaintext, err)
	plaintext, err = formats.Open(envelope, struct{}{}, private)
	v.expect(found, "formats.Open beside what is no key", plaintext, err)
	identity, _, err := formats.IdentityFor(private, envelope)
	if plaintext = nil; err == nil {
		plaintext, err = identity.Open(envelope)
	}
	v.expect(found, "formats.IdentityFor", plaintext, err)
	identity, err = format.Identity(private)
	if plaintext = nil; err == nil {
		plaintext, err = identity.Open(envelope)
	}
	v.expect(found, "Format.Identity", plaintext, err)
	if format.Stream == nil || identity == nil {
		return
	}
	if r, err := format.Stream.Open(bytes.NewReader(envelope), identity); err != nil {
		v.expect(found, "Stream.Open", nil, err)
	} else if plaintext, err := io.ReadAll(r); err != nil { // What was read is authentic, but not all.
		v.expect(found, "reading Stream.Open", nil, err)
	} else {
		v.expect(found, "reading Stream.Open", plaintext, nil)
	}
}

// expect checks a result: the plaintext and no error, or nothing and an error
// of one class, the right one.
func (v vector) expect(found *failures, what string, plaintext []byte, err error) {
	if v.Class != "good" {
		if plaintext != nil {
			found.addf("%s: returned %d bytes of plaintext", what, len(plaintext))
		}
		if got := classOf(err); !slices.Equal(got, []string{v.Class}) {
			found.addf("%s: error %v is of class %v, want %s (%s)", what, err, got, v.Class, v.Comment)
		}
		return
	}
	if err != nil {
		found.addf("%s: %v (%s)", what, err, v.Comment)
		return
	}
	v.expectPlaintext(found, what, plaintext)
}

func (v vector) expectPlaintext(found *failures, what string, plaintext []byte) {
	if v.PlaintextBase64 != nil && base64.StdEncoding.EncodeToString(plaintext) != *v.PlaintextBase64 {
		found.addf("%s: plaintext is %q, want base64 of %q", what, plaintext, *v.PlaintextBase64)
	}
	if sum := sha256.Sum256(plaintext); hex.EncodeToString(sum[:]) != v.PlaintextSHA256 {
		found.addf("%s: plaintext of %d bytes has digest %x, want %s", what, len(plaintext), sum, v.PlaintextSHA256)
	}
}

// classOf are the classes of an error: one, unless something is wrong.
func classOf(err error) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		if class := classes[name]; class != nil && errors.Is(err, class) {
			names = append(names, name)
		}
	}
	return names
}

// rewriteAll writes the envelope in each form: as often as it is written, it is
// the same, and opens as it did before. What cannot be written is refused with
// the case's own class, or as malformed.
func rewriteAll(found *failures, v vector, format crypto.Format, private any, envelope []byte) {
	for _, form := range format.Forms {
		written, err := form.Write(envelope)
		if err != nil {
			class := classOf(err)
			if written != nil || len(class) != 1 || class[0] != "malformed" && class[0] != v.Class {
				found.addf("write %s: %d bytes, %v", form.Name, len(written), err)
			}
			// Compact has no place for what the JSON forms hold beside.
			onlyJSON := form.Name == "compact" && bytes.Contains(envelope, []byte("{"))
			if v.Class == "good" && !onlyJSON {
				found.addf("write %s: %v (%s)", form.Name, err, v.Comment)
			}
			continue
		}
		if again, err := form.Write(written); err != nil || !bytes.Equal(again, written) {
			found.addf("write %s: another envelope the second time, %v", form.Name, err)
		}
		openAlike(found, v, format, private, written)
	}
}

// refuseLegacy checks the policy against legacy envelopes. Of what is not read,
// or refused anyway, nothing is promised but the class.
func refuseLegacy(found *failures, v vector, envelope []byte) {
	err := formats.RefuseLegacy(envelope)
	if err != nil && !slices.Equal(classOf(err), []string{"forbidden"}) {
		found.addf("RefuseLegacy: %v", err)
	}
	if refused := err != nil; refused != v.Legacy && v.Class != "malformed" && v.Class != "forbidden" {
		found.addf("RefuseLegacy: %v, want a refusal: %t", err, v.Legacy)
	}
}

// openFile opens a js7 file, which has its header beside it. What is in dst
// after an error is not to be used, so nothing is said of it.
func openFile(found *failures, v vector, private any, envelope []byte) {
	identity, err := js7.NewIdentity(private)
	if err != nil {
		v.expect(found, "js7.NewIdentity", nil, err)
		return
	}
	var plaintext bytes.Buffer
	if err := identity.OpenFile(v.Header, bytes.NewReader(envelope), &plaintext); err != nil {
		v.expect(found, "OpenFile", nil, err)
		return
	}
	v.expect(found, "OpenFile", plaintext.Bytes(), nil)
}
