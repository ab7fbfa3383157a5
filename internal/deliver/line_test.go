package deliver_test

import (
	"testing"

	"github.com/sealrelay/sealrelay/internal/deliver"
)

func TestLine(t *testing.T) {
	for _, test := range []struct {
		text  string
		limit int
		want  string
	}{
		{"plain", 10, "plain"},
		{"plain", 5, "plain"},
		{"plain", 4, "plai"},
		{"a\nb\x1b[31mc\u202ed\xff", 20, "a b [31mc d\ufffd"},
		{"aäö", 4, "aä"},
		{"", 0, ""},
		{"ä", 1, ""},
	} {
		if got := deliver.Line(test.text, test.limit); got != test.want {
			t.Errorf("%q within %d is %q, want %q", test.text, test.limit, got, test.want)
		}
	}
}
