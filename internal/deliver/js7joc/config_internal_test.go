package js7joc

import (
	"encoding/hex"
	"strings"
	"testing"
)

// decodeName is what encodeName was given.
func decodeName(t *testing.T, name string) string {
	t.Helper()
	if rest, is := strings.CutPrefix(name, "x__"); is {
		name = "_" + rest
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '_' {
			b.WriteByte(name[i])
			continue
		}
		c, err := hex.DecodeString(name[i+1 : i+3])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b.Write(c)
		i += 2
	}
	return b.String()
}

// Two secrets never share an argument, and no argument is another's statement.
func FuzzEncodeName(f *testing.F) {
	for _, secret := range []string{"prod/db", "1", "/", "x/", "x", "_", "x_2F", "a_statement", "A", "\xff"} {
		f.Add(secret)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		name := encodeName(secret)
		if secret == "" {
			return
		}
		if !argumentRule().MatchString(name) || strings.HasSuffix(name, statementSuffix) {
			t.Errorf("%q is called %s", secret, name)
		}
		if back := decodeName(t, name); back != secret {
			t.Errorf("%q is called %s, which is %q", secret, name, back)
		}
	})
}
