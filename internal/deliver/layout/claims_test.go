package layout

import (
	"encoding/base64"
	"testing"

	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
)

func TestClaimsOf(t *testing.T) {
	d := delivertest.Set(t, "prod/db", 7, 10)
	want := claims{Secret: "prod/db", Version: 7, IssuedAt: delivertest.Epoch.Unix() + 7}
	if got := claimsOf([]byte(d.Statement)); got != want {
		t.Errorf("claims are %+v, want %+v", got, want)
	}
}

// Whatever is found beside an envelope is read without panic, and either has
// claims that order versions or none at all.
func FuzzClaimsOf(f *testing.F) {
	f.Add([]byte(delivertest.Set(f, "prod/db", 7, 10).Statement))
	f.Add([]byte(delivertest.Delete(f, "a", 1).Statement))
	for _, payload := range []string{`{"ver":1}`, `{"ver":-1}`, `{"ver":1e30}`, `[]`, `null`, `{"ver":1,"ver":2}`} {
		f.Add([]byte("e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"))
	}
	f.Add([]byte("..."))
	f.Fuzz(func(t *testing.T, statement []byte) {
		if c := claimsOf(statement); c.Version < 0 {
			t.Errorf("version is %d", c.Version)
		}
	})
}
