package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// passwordFlags say where a key's password comes from. It is never an argument:
// other users of the machine can see a command line.
type passwordFlags struct {
	prefix   string
	file     string
	variable string
	fd       int
	// got is the password once it was read: a pipe gives it once, and there may
	// be several files.
	got *secretbytes.Value
}

// addPasswordFlags adds --PREFIX-file, --PREFIX-env and --PREFIX-fd.
func addPasswordFlags(cmd *cobra.Command, prefix, whose string) *passwordFlags {
	f := &passwordFlags{prefix: prefix}
	cmd.Flags().StringVar(&f.file, prefix+"-file", "", "`file` with "+whose+"'s password, a newline at its end left out")
	cmd.Flags().StringVar(&f.variable, prefix+"-env", "", "environment `variable` with "+whose+"'s password")
	cmd.Flags().IntVar(&f.fd, prefix+"-fd", -1, "file `descriptor` from which "+whose+"'s password is read to its end")
	cmd.MarkFlagsMutuallyExclusive(prefix+"-file", prefix+"-env", prefix+"-fd")
	return f
}

// read returns the password, nil if none was given. The caller wipes it.
func (f *passwordFlags) read() (password []byte, err error) {
	if f.got == nil {
		first, err := f.readOnce()
		if err != nil || first == nil {
			return nil, err
		}
		f.got = secretbytes.New(first)
	}
	err = f.got.Expose(func(plaintext []byte) error {
		password = append([]byte{}, plaintext...)
		return nil
	})
	return password, err
}

func (f *passwordFlags) readOnce() ([]byte, error) {
	switch {
	case f.file != "":
		data, err := cli.ReadFile(f.file)
		if err != nil {
			return nil, fmt.Errorf("read password: %w", err)
		}
		return trimNewline(data), nil
	case f.variable != "":
		text, ok := os.LookupEnv(f.variable)
		if !ok {
			return nil, fmt.Errorf("read password: environment variable %s is not set", f.variable)
		}
		return []byte(text), nil
	case f.fd >= 0:
		file := os.NewFile(uintptr(f.fd), "password")
		if file == nil {
			return nil, cli.UsageErrorf("--%s-fd %d is no file descriptor", f.prefix, f.fd)
		}
		defer func() { _ = file.Close() }()
		data, err := io.ReadAll(io.LimitReader(file, maxPassword+1))
		if err != nil {
			return nil, fmt.Errorf("read password from file descriptor %d: %w", f.fd, err)
		}
		if len(data) > maxPassword {
			clear(data)
			return nil, fmt.Errorf("read password from file descriptor %d: it has more than %d bytes", f.fd, maxPassword)
		}
		return trimNewline(data), nil
	}
	return nil, nil
}

// maxPassword is the longest password that a file descriptor may give, in bytes.
const maxPassword = 64 << 10

// trimNewline takes one newline from the end, which an editor or echo put there.
func trimNewline(data []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
}

// withPassword calls parse with the password that was given, or none, and asks
// for one on the terminal if parse says that it needs one and none was given.
func (f *passwordFlags) withPassword(cmd *cobra.Command, what string, parse func(password []byte) error) error {
	password, err := f.read()
	if err != nil {
		return err
	}
	defer func() { clear(password) }()
	err = parse(password)
	if !errors.Is(err, keys.ErrPassword) || password != nil {
		return err
	}
	password, asked := askPassword(cmd, "Password of "+what+": ")
	if asked != nil {
		return fmt.Errorf("%w; give it with --%s-file, --%s-env or --%s-fd", err, f.prefix, f.prefix, f.prefix)
	}
	return parse(password)
}

// given says whether one of the flags was.
func (f *passwordFlags) given() bool { return f.file != "" || f.variable != "" || f.fd >= 0 }

// readNew returns the password for a new key of that name: the one that was
// given, or if ask is set and none was given, one that is asked for; nil
// otherwise.
func (f *passwordFlags) readNew(cmd *cobra.Command, what string, ask bool) ([]byte, error) {
	password, err := f.read()
	if err != nil {
		return nil, err
	}
	if password != nil && len(password) == 0 {
		return nil, errors.New("the new password is empty")
	}
	if password != nil || !ask {
		return password, nil
	}
	password, err = askNewPassword(cmd, what)
	if errors.Is(err, errNoTerminal) {
		return nil, fmt.Errorf("%w; give the password with --%s-file, --%s-env or --%s-fd", err, f.prefix, f.prefix, f.prefix)
	}
	return password, err
}

var errNoTerminal = errors.New("there is no terminal to ask for a password on")

// askPassword asks on the terminal, whatever standard input is.
func askPassword(cmd *cobra.Command, prompt string) ([]byte, error) {
	terminal, err := os.OpenFile(terminalName, os.O_RDWR, 0)
	if err != nil {
		return nil, errNoTerminal
	}
	defer func() { _ = terminal.Close() }()
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	type answer struct {
		password []byte
		err      error
	}
	done := make(chan answer, 1)
	fmt.Fprint(terminal, prompt)
	go func() {
		password, err := term.ReadPassword(fd)
		done <- answer{password, err}
	}()
	select {
	case a := <-done:
		fmt.Fprintln(terminal)
		return a.password, a.err
	case <-cmd.Context().Done():
		// The terminal would go on without echo.
		return nil, errors.Join(term.Restore(fd, before), cmd.Context().Err())
	}
}

// askNewPassword asks twice.
func askNewPassword(cmd *cobra.Command, what string) ([]byte, error) {
	first, err := askPassword(cmd, "New password of "+what+": ")
	if err != nil {
		return nil, err
	}
	second, err := askPassword(cmd, "The same again: ")
	defer clear(second)
	if err == nil && !bytes.Equal(first, second) {
		err = errors.New("the two passwords differ")
	}
	if err == nil && len(first) == 0 {
		err = errors.New("the password is empty")
	}
	if err != nil {
		clear(first)
		return nil, err
	}
	return first, nil
}
