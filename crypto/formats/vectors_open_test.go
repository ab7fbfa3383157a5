package formats_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
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
