package js7_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/js7"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// Each value that JS7's own tool made is of the kind of the key that it is for.
func TestKeyKindOfVectors(t *testing.T) {
	folder := filepath.Join("..", "..", "testdata", "js7")
	data, err := os.ReadFile(filepath.Join(folder, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Vectors []struct{ ID, Mode, PublicKey, Value string }
	}
	if err := json.Unmarshal(data, &index); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, v := range index.Vectors {
		if v.Value == "" {
			continue // a file
		}
		key, err := os.ReadFile(filepath.Join(folder, v.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		public, err := keys.ParsePublic(key)
		if err != nil {
			t.Fatal(err)
		}
		if kind, err := js7.KeyKind([]byte(v.Value)); err != nil || kind != public.Kind() {
			t.Errorf("%s is for %q, %v; the key is %s", v.ID, kind, err, public.Kind())
		}
		kinds[public.Kind()] = true
	}
	if len(kinds) < 7 {
		t.Errorf("the vectors are for %d kinds of keys", len(kinds))
	}
}

func TestKeyKindRefuses(t *testing.T) {
	for _, value := range []string{"", "enc:", "enc:A B C", "enc:AAAA AAAAAAAAAAAAAAAAAAAAAA== AAAAAAAAAAAAAAAAAAAAAA=="} {
		if kind, err := js7.KeyKind([]byte(value)); !errors.Is(err, crypto.ErrMalformed) {
			t.Errorf("%q is for %q, %v", value, kind, err)
		}
	}
}
