// Package early runs the commands that seal and open before the rest of the
// program is initialised, and ends the process. Scripts call them for each
// value, and the packages of the service (SQLite, Prometheus, the HTTP server)
// would double their time and triple their memory by being initialised alone.
//
// It does so from its init function. The order of initialisation is not left to
// chance: the specification of Go (section "Program initialization") sorts the
// packages by import path and initialises the first one all of whose imports
// are initialised. This package imports nothing of the service, so it comes
// before whatever of the service is behind it in that order, and before
// everything that depends on that. What a command finds missing here it returns
// [cli.ErrLater] for, and runs again from main.
package early

import (
	"os"
	"slices"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/local"
)

func init() {
	if !wanted(os.Args) {
		return
	}
	if code := cli.Main(local.Root(local.Service{}), nil); code != cli.Later {
		os.Exit(code)
	}
}

// wanted says whether the command line is one of a command that can run here.
func wanted(args []string) bool {
	return local.IsLink(args[0]) || len(args) > 1 && slices.Contains(local.Names, args[1])
}
