package hooks_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
)

func TestCheckName(t *testing.T) {
	tests := []struct {
		name string
		ok   bool
	}{
		{"a", true},
		{"prod/db/orders", true},
		{"Team A/user@example.com,x=1+2~3_4-5.6", true},
		{strings.Repeat("x", hooks.MaxNameLen), true},
		{"", false},
		{strings.Repeat("x", hooks.MaxNameLen+1), false},
		{"/a", false},
		{"a/", false},
		{"a//b", false},
		{".", false},
		{"..", false},
		{"a/../b", false},
		{".hidden", false},
		{"a.", false},
		{" a", false},
		{"a /b", false},
		{`a\b`, false},
		{"a:b", false},
		{"a*b", false},
		{"a\x00b", false},
		{"a\nb", false},
		{"é", false},
		{`a"b`, false},
	}
	for _, test := range tests {
		err := hooks.CheckName(test.name)
		if (err == nil) != test.ok || err != nil && !errors.Is(err, hooks.ErrMalformed) {
			t.Errorf("%q: error is %v", test.name, err)
		}
		if err != nil && len(test.name) > 3 && strings.Contains(err.Error(), test.name) {
			t.Errorf("error repeats the name: %v", err)
		}
	}
}

// FuzzCheckName: a name that is accepted stays where it is put.
func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"prod/db", "../etc", "a/./b", "a b", "CON", `a\..\b`, ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if hooks.CheckName(name) != nil {
			return
		}
		if !filepath.IsLocal(name) || filepath.ToSlash(filepath.Clean(name)) != name || strings.ContainsAny(name, "\\:\"\x00\n") {
			t.Errorf("%q is accepted", name)
		}
	})
}
