package adapters_test

import (
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

var update = flag.Bool("update", false, "write testdata/hooks/set-push anew")

const setCatalogue = "../../testdata/hooks/set-push"

// setCatalogueConfig goes with the files in setCatalogue. They are signed once,
// with a key that is for tests only, so they have to be taken at any age.
const setCatalogueConfig = setConfig + "max_age: 876000h\n"

// setFile is a file of the catalogue.
type setFile struct{ expect, sign, media, token string }

func (f setFile) String() string {
	return fmt.Sprintf("# expect: %s\n%s# needs: the keys and the settings of the source set-push in sealrelay.yaml\n"+
		"POST /v1/hooks/set-push HTTP/1.1\nHost: relay.example.com\nContent-Type: %s\nAccept: application/json\n\n%s\n", f.expect, f.sign, f.media, f.token)
}

// setFiles are the files of the catalogue, which only their signer can write.
func setFiles(t *testing.T) map[string]setFile {
	const bearer, taken, refused = "# sign: bearer\n", "202 reply", "400 reply"
	token := func(key ed25519.PrivateKey, kind string, change map[string]any) string {
		all := map[string]any{"iat": 1735689600}
		maps.Copy(all, change)
		return setToken(t, key, "k1", kind, setClaims(t, all))
	}
	set := func(change map[string]any) string { return token(setKey(1), "secevent+jwt", change) }
	return map[string]setFile{
		"credential-change.http": {taken, bearer, setMedia, set(nil)},
		"verification.http":      {taken, bearer, setMedia, set(map[string]any{"jti": "v1", "events": map[string]any{setVerifies: map[string]any{"state": "x"}}})},
		"no-token.http":          {refused, "", setMedia, set(nil)},
		"json.http":              {refused, bearer, asJSON, set(nil)},
		"anothers-key.http":      {refused, bearer, setMedia, token(setKey(2), "secevent+jwt", nil)},
		"id-token.http":          {refused, bearer, setMedia, token(setKey(1), "JWT", nil)},
		"another-issuer.http":    {refused, bearer, setMedia, set(map[string]any{"iss": "https://other.example.com/"})},
		"another-audience.http":  {refused, bearer, setMedia, set(map[string]any{"aud": "https://other.example.com"})},
		"no-subject.http":        {refused, bearer, setMedia, set(map[string]any{"jti": "n1", "sub_id": nil})},
		"expired.http":           {refused, bearer, setMedia, set(map[string]any{"exp": 1735689601})},
		"not-its-secret.http":    {"403 forbidden", bearer, setMedia, set(map[string]any{"jti": "f1", "sub_id": map[string]string{"format": "opaque", "id": "forbidden"}})},
	}
}

// TestSETCatalogue: the files are those that the signer writes, and the adapter
// reads and refuses them as they expect.
func TestSETCatalogue(t *testing.T) {
	check := func(name, want string) {
		path := filepath.Join(setCatalogue, name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is not as it is signed (%v); run this test with -update", name, err)
		}
	}
	check("keys.json", setKeys(t)+"\n")
	files := setFiles(t)
	for name, file := range files {
		check(name, file.String())
		r := setRequest(file.token)
		r.Header.Set("Content-Type", file.media)
		r.Received = time.Now()
		message, err := newSETPush(t, setCatalogueConfig).Read(r, hooks.Verified{})
		refused := errors.Is(err, hooks.ErrMalformed) || errors.Is(err, hooks.ErrUnauthenticated) || errors.Is(err, hooks.ErrMediaType)
		// Neither a bearer's token nor what the source may write is the adapter's.
		if want := file.expect == "400 reply" && file.sign != ""; refused != want {
			t.Errorf("%s: error is %v", name, err)
		}
		if (len(message.Events) > 0) == (refused || name == "verification.http") {
			t.Errorf("%s: %d events", name, len(message.Events))
		}
	}
	if there, err := os.ReadDir(setCatalogue); err != nil || len(there) != len(files)+1 {
		t.Errorf("%d files, want %d: %v", len(there), len(files)+1, err)
	}
}
