package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/internal/durable"
)

// Output is where a command's output goes.
type Output struct {
	// File is the file's path; empty for standard output.
	File string
	// Force: a file that is there is overwritten.
	Force bool
}

// AddOutputFlags adds --force and the flag that names the file.
func AddOutputFlags(cmd *cobra.Command, flag, what string) *Output {
	f := &Output{}
	cmd.Flags().StringVar(&f.File, flag, "", "write the "+what+" to this `file`, readable by its owner only (default: standard output)")
	cmd.Flags().BoolVar(&f.Force, "force", false, "overwrite the file if it is there")
	return f
}

// Check refuses, before any work is done, an output that is there, and one that
// is the command's input, or no file, even with --force.
func (f *Output) Check(in *Input) error {
	if f.File == "" {
		return nil
	}
	there, err := os.Stat(f.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if in != nil && in.file != "" {
		if input, err := os.Stat(in.file); err == nil && os.SameFile(input, there) {
			return fmt.Errorf("%s is input and output; name another output", f.File)
		}
	}
	switch {
	case there.IsDir():
		return fmt.Errorf("%s is a folder; name a file", f.File)
	case !there.Mode().IsRegular():
		return fmt.Errorf("%s is a device or a pipe; leave the option out and redirect standard output", f.File)
	case !f.Force:
		return fmt.Errorf("%s is there already; use --force to overwrite it", f.File)
	}
	// What a link points to is overwritten, and not the link.
	f.File, err = filepath.EvalSymlinks(f.File)
	return err
}

// Write writes the whole output or none of it.
func (f *Output) Write(cmd *cobra.Command, data []byte) error {
	if f.File != "" {
		holdInterrupts(cmd)
		return durable.WritePath(f.File, data, durable.Options{Mode: 0o600})
	}
	if IsTerminal(cmd.OutOrStdout()) && !Printable(data) {
		return errBinary
	}
	_, err := io.Copy(cmd.OutOrStdout(), bytes.NewReader(data))
	return err
}

// WriteBy calls write once. A file is there only if write returns nil; standard
// output gets what was written until then. binary output is not written to a
// terminal.
func (f *Output) WriteBy(cmd *cobra.Command, binary bool, write func(io.Writer) error) error {
	if f.File != "" {
		holdInterrupts(cmd)
		return durable.WritePathBy(f.File, durable.Options{Mode: 0o600}, write)
	}
	if binary && IsTerminal(cmd.OutOrStdout()) {
		return errBinary
	}
	return write(cmd.OutOrStdout())
}

// holdInterrupts has interrupts caught from here on, so that none leaves a
// temporary file behind.
func holdInterrupts(cmd *cobra.Command) { cmd.Context().Done() }

var errBinary = errors.New("the output is binary and would garble the terminal; use --outfile or a pipe")

// Printable says whether data can be shown on a terminal.
func Printable(data []byte) bool {
	for _, c := range data {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}
