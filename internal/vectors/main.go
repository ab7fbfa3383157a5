// Command vectors makes the project's own test vectors, testdata/vectors, whose
// README says what they are. It is run by hand, in the module's root:
//
//	go run ./internal/vectors -format js7,age
//
// Envelopes are randomised, so each run writes other ones. Private keys are made
// once and kept. Each file FORMAT.go is the list of that format's cases, each
// FORMAT_forge.go writes envelopes of it, right ones and wrong ones, without
// using the packages under test; what these seal, and what other programs made,
// says so in its source.
//
// It panics on the first error: there is nobody to handle it, and a trace shows
// the case that was being made.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

var (
	folder = flag.String("dir", "testdata/vectors", "folder of the vectors")
	only   = flag.String("format", "js7,cms,jwe,age,openpgp", "formats whose vectors are made, with commas between")
)

var makers = map[string]func(*set){
	"js7":     js7Cases,
	"cms":     cmsCases,
	"jwe":     jweCases,
	"age":     ageCases,
	"openpgp": openPGPCases,
}

func main() {
	flag.Parse()
	makeKeys()
	for _, format := range strings.Split(*only, ",") {
		fill := makers[format]
		if fill == nil {
			fmt.Fprintf(os.Stderr, "unknown format %q\n", format)
			os.Exit(2)
		}
		cases := &set{Format: format}
		fill(cases)
		cases.write()
		fmt.Fprintf(os.Stdout, "%s: %d cases\n", format, len(cases.Cases))
	}
}

// must returns value, or panics with err.
func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
