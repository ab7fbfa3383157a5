// Package kinds is the table of the kinds of destinations.
package kinds

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/exec"
	"github.com/sealrelay/sealrelay/internal/deliver/file"
	"github.com/sealrelay/sealrelay/internal/deliver/https"
	"github.com/sealrelay/sealrelay/internal/deliver/js7joc"
	"github.com/sealrelay/sealrelay/internal/deliver/mailbox"
	"github.com/sealrelay/sealrelay/internal/deliver/sftp"
)

// All are the kinds by the name they have in a configuration. A new kind is a
// package beside file and a line here.
var All = map[string]func(deliver.Settings) (deliver.Destination, error){
	"file":    file.New,
	"https":   https.New,
	"sftp":    sftp.New,
	"mailbox": mailbox.New,
	"exec":    exec.New,
	"js7-joc": js7joc.New,
}

// New makes a destination of that kind. The error of an unknown kind names
// those there are.
func New(kind string, settings deliver.Settings) (deliver.Destination, error) {
	construct, ok := All[kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind of destination %q; there are %s", kind, strings.Join(slices.Sorted(maps.Keys(All)), ", "))
	}
	return construct(settings)
}
