// Package child runs a command with values in its environment, on its file
// descriptors or in files of a folder of its own on tmpfs. A value is on no
// command line and on no disk.
package child

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"unsafe"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// FolderVariable names the variable that tells the command the folder of its
// files.
const FolderVariable = "SEALRELAY_FILES"

// The exit codes of a command that did not start, as shells have them.
const (
	ExitCannotRun = 126
	ExitNotFound  = 127
)

// StartError is the error of a command that did not start.
type StartError struct {
	// Code is ExitCannotRun or ExitNotFound.
	Code int
	err  error
}

func (e *StartError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.err }

// Command is what is run.
type Command struct {
	// Args are the command, looked for in PATH, and its arguments.
	Args []string
	// Variables, Descriptors and Files are what it gets; Run wipes the values.
	Variables   []Variable
	Descriptors []Descriptor
	Files       []File
}

// Variable is a value in the environment.
type Variable struct {
	Name  string
	Value *secretbytes.Value
}

// Descriptor is a value that can be read, once, from a file descriptor, of number
// 3 to MaxDescriptor.
type Descriptor struct {
	Number int
	Value  *secretbytes.Value
}

// MaxDescriptor is the largest number of a Descriptor.
const MaxDescriptor = 63

// File is a value in a file of that name, without folders, in the command's
// folder.
type File struct {
	Name  string
	Value *secretbytes.Value
}

// Run runs the command with this process's standard streams, passes signals on to
// it, and returns its exit code: 128 and the signal's number if a signal ended
// it. The values are wiped as soon as the command has them, and its folder is gone
// when Run returns. The error is a *StartError if the command did not start.
func Run(c Command) (code int, err error) {
	pipes, err := openPipes(c.Descriptors)
	defer c.wipe()
	defer pipes.stop() // Before wipe, which waits for what is being written.
	if err != nil {
		return 0, err
	}
	path, err := exec.LookPath(c.Args[0])
	switch {
	case errors.Is(err, fs.ErrPermission):
		return 0, &StartError{ExitCannotRun, err}
	case err != nil:
		return 0, &StartError{ExitNotFound, err}
	}
	folder, err := newFolder(c.Files)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, folder.remove()) }()
	pass := catchSignals()
	defer pass.stop()
	process, err := c.start(path, folder, pipes)
	if err != nil {
		return 0, err
	}
	c.wipeHandedOver()
	secretbytes.Forget()
	pass.to(process)
	ended, err := process.Wait()
	if err != nil {
		return 0, err
	}
	return exitCode(ended), nil
}

func (c *Command) wipe() {
	c.wipeHandedOver()
	for _, descriptor := range c.Descriptors {
		descriptor.Value.Wipe()
	}
}

// wipeHandedOver wipes what a command that runs has already.
func (c *Command) wipeHandedOver() {
	for _, variable := range c.Variables {
		variable.Value.Wipe()
	}
	for _, file := range c.Files {
		file.Value.Wipe()
	}
}

func (c *Command) start(path string, folder *folder, pipes *pipes) (*os.Process, error) {
	entries, err := c.entries()
	defer func() {
		for _, entry := range entries {
			entry.Wipe()
		}
	}()
	if err != nil {
		return nil, err
	}
	defer pipes.handedOver()
	attributes := &os.ProcAttr{Files: append([]*os.File{os.Stdin, os.Stdout, os.Stderr}, pipes.ends...)}
	var process *os.Process
	err = exposeAll(entries, append(c.inherited(), folder.variable()...), func(environment []string) error {
		attributes.Env = environment
		process, err = os.StartProcess(path, c.Args, attributes)
		attributes.Env = nil // Its texts are the entries' memory.
		return err
	})
	if err != nil {
		return nil, &StartError{ExitCannotRun, err}
	}
	return process, nil
}

// inherited is this process's environment without what the command is given.
func (c *Command) inherited() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == FolderVariable || slices.ContainsFunc(c.Variables, func(v Variable) bool { return v.Name == name })
	})
}

// entries are the texts NAME=VALUE, which the caller wipes, also beside an error.
func (c *Command) entries() (entries []*secretbytes.Value, err error) {
	for _, variable := range c.Variables {
		entry, err := secretbytes.Produce(func() ([]byte, error) {
			text := make([]byte, 0, len(variable.Name)+1+variable.Value.Len())
			text = append(append(text, variable.Name...), '=')
			err := variable.Value.Expose(func(plaintext []byte) error {
				if bytes.IndexByte(plaintext, 0) >= 0 {
					return fmt.Errorf("the value for %s has a NUL byte, which no environment can hold; use --secret-fd or --secret-file", variable.Name)
				}
				text = append(text, plaintext...)
				return nil
			})
			return text, err
		})
		if err != nil {
			return entries, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// exposeAll calls use with texts and those of the entries, which are in the
// entries' own memory.
func exposeAll(entries []*secretbytes.Value, texts []string, use func([]string) error) error {
	if len(entries) == 0 {
		return use(texts)
	}
	return entries[0].Expose(func(text []byte) error {
		// A copy in a string could not be wiped. None of the entries is empty.
		shared := unsafe.String(unsafe.SliceData(text), len(text)) //nolint:gosec // It is not used after Expose.
		return exposeAll(entries[1:], append(texts, shared), use)
	})
}
