package service

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

// withoutEcho calls talk while a terminal that standard input is shows nothing
// of what is typed: a product that talks through one may record what it shows.
func withoutEcho(cmd *cobra.Command, talk func() error) error {
	in, isFile := cmd.InOrStdin().(*os.File)
	if !isFile || !cli.IsTerminal(in) {
		return talk()
	}
	restore, err := echoOff(in.Fd())
	if err != nil {
		return err
	}
	defer restore()
	return talk()
}
