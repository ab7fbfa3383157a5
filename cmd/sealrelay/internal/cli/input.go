package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// MaxInput is the largest value or envelope that is read into memory, in bytes.
const MaxInput = 64 << 20

// Input is where a command's input comes from.
type Input struct {
	// What it is, in words.
	What string
	// Secret: it is a value, so that its way into the command matters.
	Secret bool

	text, file string
}

// InputFile is the input that is in a file.
func InputFile(what, file string) *Input { return &Input{What: what, file: file} }

// AddInputFlags adds --in and --infile.
func AddInputFlags(cmd *cobra.Command, what string, secret bool) *Input {
	f := &Input{What: what, Secret: secret}
	use := "the " + what + " itself"
	if secret {
		use += "; other users of this machine can see it, so prefer standard input"
	}
	cmd.Flags().StringVar(&f.text, "in", "", use)
	cmd.Flags().StringVar(&f.file, "infile", "", "read the "+what+" from this `file` (- for standard input, the default)")
	cmd.MarkFlagsMutuallyExclusive("in", "infile")
	return f
}

// IsText says whether the input itself was on the command line.
func (f *Input) IsText() bool { return f.text != "" }

// Read reads the input as it is: nothing is added to it or taken from it.
func (f *Input) Read(cmd *cobra.Command) (*secretbytes.Value, error) {
	if f.text != "" || cmd.Flags().Changed("in") {
		if f.Secret {
			fmt.Fprintln(cmd.ErrOrStderr(), "sealrelay: warning: a secret on the command line can be seen by other users of this machine; prefer standard input")
		}
		return secretbytes.New([]byte(f.text)), nil
	}
	stream, err := f.Open(cmd)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }()
	return f.readAll(cmd, stream)
}

// Open opens the file, or standard input, for a command that does not read the
// whole at once.
func (f *Input) Open(cmd *cobra.Command) (io.ReadCloser, error) {
	if f.file != "" && f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.What, err)
		}
		return file, nil
	}
	if IsTerminal(cmd.InOrStdin()) {
		fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: reading the %s from the terminal; end it with Ctrl-D\n", f.What)
	}
	return io.NopCloser(cmd.InOrStdin()), nil
}

func (f *Input) readAll(cmd *cobra.Command, from io.Reader) (*secretbytes.Value, error) {
	value, err := secretbytes.ReadFrom(from, MaxInput)
	if errors.Is(err, secretbytes.ErrTooLarge) {
		return nil, fmt.Errorf("read %s: it has more than %d bytes", f.What, MaxInput)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.What, err)
	}
	if f.Secret {
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

// IsTerminal says whether a stream is a terminal.
func IsTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// ReadFile reads a small file such as a key.
func ReadFile(name string) ([]byte, error) {
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
