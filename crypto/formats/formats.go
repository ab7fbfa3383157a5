// Package formats is the table of the envelope formats.
package formats

import (
	"fmt"
	"strings"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/age"
	"github.com/sealrelay/sealrelay/crypto/cms"
	"github.com/sealrelay/sealrelay/crypto/js7"
	"github.com/sealrelay/sealrelay/crypto/jwe"
	"github.com/sealrelay/sealrelay/crypto/openpgp"
)

// All are the formats, in the order in which Detect tries them. It must not be
// changed.
var All = []crypto.Format{age.Format, openpgp.Format, jwe.Format, cms.Format, js7.Format}

// ByName returns the format of that name; the error of an unknown one lists
// those there are.
func ByName(name string) (crypto.Format, error) {
	for _, format := range All {
		if format.Name == name {
			return format, nil
		}
	}
	return crypto.Format{}, fmt.Errorf("unknown envelope format %q; there are %s", name, strings.Join(Names(), ", "))
}

// Names are the names of All, in its order.
func Names() []string {
	names := make([]string, len(All))
	for i, format := range All {
		names[i] = format.Name
	}
	return names
}

// Detect returns the format that data is in, of which the first 64 KiB are
// enough. That it was detected says nothing of whether the envelope opens.
func Detect(data []byte) (crypto.Format, bool) {
	for _, format := range All {
		if format.Detect(data) {
			return format, true
		}
	}
	return crypto.Format{}, false
}
