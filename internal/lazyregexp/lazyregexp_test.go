package lazyregexp_test

import (
	"testing"

	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

func TestNew(t *testing.T) {
	word := lazyregexp.New(`^[a-z]+$`)
	if first, again := word(), word(); first != again {
		t.Error("the expression is compiled twice")
	}
	if !word().MatchString("abc") || word().MatchString("a b") {
		t.Error("the expression matches something else")
	}
	bad := lazyregexp.New(`(`) // Is not compiled here.
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	bad()
}
