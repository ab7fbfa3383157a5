// Package bundlefile is what the commands on both ends of a bundle share.
package bundlefile

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/bundle"
)

// Read reads a bundle or a file of receipts; - is standard input.
func Read(cmd *cobra.Command, what, file string) ([]byte, error) {
	stream, err := cli.InputFile(what, file).Open(cmd)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }()
	data, err := bundle.Read(stream)
	return data, Refused(err)
}

// Refused gives the error of a refused file its exit code.
func Refused(err error) error {
	for _, class := range []error{bundle.ErrSignature, bundle.ErrDamaged, bundle.ErrMismatch} {
		if errors.Is(err, class) {
			return cli.WithCode(err, cli.ExitNotOpened)
		}
	}
	return err
}
