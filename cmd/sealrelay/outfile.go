package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/internal/durable"
)

// outputFlags say where a command's output goes.
type outputFlags struct {
	file  string
	force bool
}

func addOutputFlags(cmd *cobra.Command, flag, what string) *outputFlags {
	f := &outputFlags{}
	cmd.Flags().StringVar(&f.file, flag, "", "write the "+what+" to this `file`, readable by its owner only (default: standard output)")
	cmd.Flags().BoolVar(&f.force, "force", false, "overwrite the file if it is there")
	return f
}

// check refuses an output that is there before any work is done.
func (f *outputFlags) check() error {
	if f.file == "" || f.force {
		return nil
	}
	if _, err := os.Lstat(f.file); err == nil {
		return fmt.Errorf("%s is there already; use --force to overwrite it", f.file)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// write writes the whole output or none of it.
func (f *outputFlags) write(cmd *cobra.Command, data []byte) error {
	if f.file != "" {
		return durable.WritePath(f.file, data, durable.Options{Mode: 0o600})
	}
	if isTerminal(cmd.OutOrStdout()) && !printable(data) {
		return errors.New("the output is binary and would garble the terminal; use --outfile or a pipe")
	}
	_, err := io.Copy(cmd.OutOrStdout(), bytes.NewReader(data))
	return err
}

// printable says whether data can be shown on a terminal.
func printable(data []byte) bool {
	for _, c := range data {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}
