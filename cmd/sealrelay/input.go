package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// maxInput is the largest value or envelope that a command reads, in bytes.
const maxInput = 64 << 20

// inputFlags say where a command's input comes from.
type inputFlags struct {
	what   string
	text   string
	file   string
	secret bool
}

func addInputFlags(cmd *cobra.Command, what string, secret bool) *inputFlags {
	f := &inputFlags{what: what, secret: secret}
	use := "the " + what + " itself"
	if secret {
		use += "; other users of this machine can see it, so prefer standard input"
	}
	cmd.Flags().StringVar(&f.text, "in", "", use)
	cmd.Flags().StringVar(&f.file, "infile", "", "read the "+what+" from this `file` (- for standard input, the default)")
	cmd.MarkFlagsMutuallyExclusive("in", "infile")
	return f
}

// read reads the input as it is: nothing is added to it or taken from it.
func (f *inputFlags) read(cmd *cobra.Command) (*secretbytes.Value, error) {
	if cmd.Flags().Changed("in") {
		if f.secret {
			fmt.Fprintln(cmd.ErrOrStderr(), "sealrelay: warning: a secret on the command line can be seen by other users of this machine; prefer standard input")
		}
		return secretbytes.New([]byte(f.text)), nil
	}
	if f.file != "" && f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.what, err)
		}
		defer func() { _ = file.Close() }()
		return f.readAll(cmd, file)
	}
	if isTerminal(cmd.InOrStdin()) {
		fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: reading the %s from the terminal; end it with Ctrl-D\n", f.what)
	}
	return f.readAll(cmd, cmd.InOrStdin())
}

func (f *inputFlags) readAll(cmd *cobra.Command, from io.Reader) (*secretbytes.Value, error) {
	value, err := readBounded(cmd, from)
	if errors.Is(err, secretbytes.ErrTooLarge) {
		return nil, fmt.Errorf("read %s: it has more than %d bytes", f.what, maxInput)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.what, err)
	}
	if f.secret {
		warnNewline(cmd, value)
	}
	return value, nil
}

// warnNewline tells of the most common surprise: `echo` adds a newline, and a
// newline that belongs to the value is not taken away.
func warnNewline(cmd *cobra.Command, value *secretbytes.Value) {
	_ = value.Expose(func(plaintext []byte) error {
		if n := len(plaintext); n > 0 && plaintext[n-1] == '\n' {
			fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: note: the value ends with a newline, which is kept; `printf %%s` writes none\n")
		}
		return nil
	})
}

// readBounded reads to the end, or until the command is cancelled: a read from
// a terminal or a pipe cannot be interrupted otherwise.
func readBounded(cmd *cobra.Command, from io.Reader) (*secretbytes.Value, error) {
	type result struct {
		value *secretbytes.Value
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := secretbytes.ReadFrom(from, maxInput)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-cmd.Context().Done():
		return nil, cmd.Context().Err()
	}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// readFile reads a small file such as a key.
func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err == nil && len(data) > maxKeyFile {
		return nil, fmt.Errorf("%s has more than %d bytes; is it the right file?", name, maxKeyFile)
	}
	return data, err
}

// maxKeyFile is the largest key or statement file, in bytes.
const maxKeyFile = 1 << 20
