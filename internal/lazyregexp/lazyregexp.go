// Package lazyregexp has regular expressions that are compiled when they are
// first used. Go initialises all packages of a program before each of its
// commands, and some expressions take half a millisecond.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns what gives the compiled expression, to several goroutines at once
// if need be. That panics if the expression is none: each needs a test that uses
// it.
func New(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
