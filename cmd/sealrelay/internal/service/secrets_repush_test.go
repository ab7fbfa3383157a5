package service

import (
	"slices"
	"testing"
)

func TestRepushCommand(t *testing.T) {
	for _, tc := range []struct {
		name, secret   string
		template, want []string
	}{
		{"none", "a", nil, []string{}},
		{"the name in each place", "a/b", []string{"x", "--name={secret}", "{secret}"}, []string{"x", "--name=a/b", "a/b"}},
		{"no name", "a", []string{"x", "-a"}, []string{"x", "-a"}},
		{"a name that is an option", "-rf", []string{"x", "{secret}"}, nil},
		{"a name in an option", "-rf", []string{"x", "--name={secret}"}, []string{"x", "--name=-rf"}},
	} {
		if got := repushCommand(tc.template, tc.secret); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestDistinctCommands(t *testing.T) {
	a, b := []string{"x", "a"}, []string{"x", "b"}
	got := distinctCommands([]needView{{Command: a}, {}, {Command: b}, {Command: a}})
	if len(got) != 2 || !slices.Equal(got[0], a) || !slices.Equal(got[1], b) {
		t.Errorf("commands are %q", got)
	}
}

func TestShellText(t *testing.T) {
	if got := shellText([]string{"a/b", "", "it's", "$x"}); got != `a/b '' 'it'\''s' '$x'` {
		t.Errorf("shown as %s", got)
	}
}
