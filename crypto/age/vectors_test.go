package age

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"strings"
	"testing"

	agetest "c2sp.org/CCTV/age"
	"filippo.io/age"

	"github.com/sealrelay/sealrelay/crypto"
)

// vector is one file of the age vectors of the Community Cryptography Test
// Vectors project (https://c2sp.org/CCTV/age).
type vector struct {
	expect     string
	payload    string
	identities []crypto.Identity
	passphrase bool
	envelope   []byte
}

func parseVector(t *testing.T, data []byte) vector {
	t.Helper()
	var v vector
	compressed := false
	for {
		line, rest, found := bytes.Cut(data, []byte("\n"))
		if data = rest; !found {
			t.Fatal("the vector has no envelope")
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := strings.Cut(string(line), ": ")
		switch name {
		case "expect":
			v.expect = value
		case "payload":
			v.payload = value
		case "identity":
			var key any
			key, err := age.ParseX25519Identity(value)
			if err != nil {
				key, err = age.ParseHybridIdentity(value)
			}
			if err != nil {
				t.Fatal(err)
			}
			identity, err := Format.Identity(key)
			if err != nil {
				t.Fatal(err)
			}
			v.identities = append(v.identities, identity)
		case "passphrase":
			v.passphrase = true
		case "compressed":
			compressed = true
		case "armored", "file key", "comment":
		default:
			t.Fatalf("the vector has an unknown line %q", name)
		}
	}
	if v.envelope = data; compressed {
		r, err := zlib.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if v.envelope, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// TestVectors opens each vector as a stream and, if it names one identity, at
// once, and holds the result to the vector's class.
func TestVectors(t *testing.T) {
	classes := map[string]error{
		"success":         nil,
		"no match":        crypto.ErrNoMatch,
		"HMAC failure":    crypto.ErrDamaged,
		"payload failure": crypto.ErrDamaged,
		"header failure":  crypto.ErrMalformed,
		"armor failure":   crypto.ErrMalformed,
	}
	entries, err := fs.ReadDir(agetest.Vectors, ".")
	if err != nil {
		t.Fatal(err)
	}
	_, stranger := newPair(t, "age")
	passphrases, opened := 0, map[string]int{}
	for _, entry := range entries {
		data, err := fs.ReadFile(agetest.Vectors, entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		v := parseVector(t, data)
		// Under a passphrase nothing is sealed here, so nothing is opened: those
		// vectors say it in their names too.
		if v.passphrase {
			if !strings.Contains(entry.Name(), "scrypt") {
				t.Errorf("%s has a passphrase", entry.Name())
			}
			passphrases++
			continue
		}
		class, known := classes[v.expect]
		if !known {
			t.Fatalf("%s expects %q, which is not known", entry.Name(), v.expect)
		}
		if len(v.identities) == 0 { // It fails whoever opens it.
			v.identities = []crypto.Identity{stranger}
		}
		opened[v.expect]++
		t.Run(entry.Name(), func(t *testing.T) { openVector(t, v, class) })
	}
	want := map[string]int{
		"success": 24, "no match": 9, "HMAC failure": 1, "payload failure": 19, "header failure": 42, "armor failure": 26,
	}
	for expect, n := range want {
		if opened[expect] != n {
			t.Errorf("%d vectors expect %s, want %d", opened[expect], expect, n)
		}
	}
	if passphrases != 26 {
		t.Errorf("%d vectors have a passphrase, want 26", passphrases)
	}
}

func openVector(t *testing.T, v vector, class error) {
	r, err := Format.Stream.Open(bytes.NewReader(v.envelope), v.identities...)
	var streamed []byte
	if err == nil {
		streamed, err = io.ReadAll(r)
	}
	if class == nil && err != nil {
		t.Fatal(err)
	}
	wantClass(t, err, class)
	if v.payload != "" {
		// For a damaged payload it is the hash of what is good of it.
		if sum := sha256.Sum256(streamed); hex.EncodeToString(sum[:]) != v.payload {
			t.Errorf("payload of %d bytes has another hash", len(streamed))
		}
	} else if len(streamed) > 0 {
		t.Errorf("read %d bytes", len(streamed))
	}
	if len(v.identities) != 1 {
		return
	}
	plaintext, err := v.identities[0].Open(v.envelope)
	wantClass(t, err, class)
	if class != nil && plaintext != nil || class == nil && !bytes.Equal(plaintext, streamed) {
		t.Errorf("opened at once to %d bytes", len(plaintext))
	}
}
