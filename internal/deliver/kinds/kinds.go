// Package kinds is the table of the kinds of destinations.
package kinds

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/azurekeyvault"
	"github.com/sealrelay/sealrelay/internal/deliver/exec"
	"github.com/sealrelay/sealrelay/internal/deliver/file"
	"github.com/sealrelay/sealrelay/internal/deliver/https"
	"github.com/sealrelay/sealrelay/internal/deliver/js7joc"
	"github.com/sealrelay/sealrelay/internal/deliver/mailbox"
	"github.com/sealrelay/sealrelay/internal/deliver/sftp"
)

// Settings are what a kind may need beside what every destination has.
type Settings struct {
	deliver.Settings
	// Azure is the account that everything of Azure is done with.
	Azure func() (*azure.Account, error)
}

// All are the kinds by the name they have in a configuration. A new kind is a
// package beside file and a line here.
var All = map[string]func(Settings) (deliver.Destination, error){
	"file":    plain(file.New),
	"https":   plain(https.New),
	"sftp":    plain(sftp.New),
	"mailbox": plain(mailbox.New),
	"exec":    plain(exec.New),
	"js7-joc": plain(js7joc.New),
	"azure-key-vault": func(s Settings) (deliver.Destination, error) {
		return azurekeyvault.New(s.Settings, s.Azure)
	},
}

// plain is a kind that needs nothing but what every destination has.
func plain(construct func(deliver.Settings) (deliver.Destination, error)) func(Settings) (deliver.Destination, error) {
	return func(s Settings) (deliver.Destination, error) { return construct(s.Settings) }
}

// New makes a destination of that kind. The error of an unknown kind names
// those there are.
func New(kind string, settings Settings) (deliver.Destination, error) {
	construct, ok := All[kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind of destination %q; there are %s", kind, strings.Join(slices.Sorted(maps.Keys(All)), ", "))
	}
	return construct(settings)
}
