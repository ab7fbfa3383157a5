package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/scripts"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// hookInput is what a script may use of this machine.
func hookInput(cmd *cobra.Command, arguments []*hooks.Value) *scripts.Input {
	return &scripts.Input{
		Stdin:   cmd.InOrStdin(),
		Args:    arguments,
		Env:     environment,
		Prompts: cmd.OutOrStdout(),
		Open:    openRegular,
		Run:     runProgram,
	}
}

func environment(name string) *hooks.Value {
	text, found := os.LookupEnv(name)
	if !found {
		return nil
	}
	return secretbytes.New([]byte(text))
}

// openRegular opens a file that is one: to open a pipe could wait for ever.
func openRegular(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	return os.Open(path)
}

// runProgram runs a program and returns its standard output. Its standard error
// is dropped, as nobody can tell what it writes there.
func runProgram(ctx context.Context, program string, args ...string) (*hooks.Value, error) {
	child := exec.CommandContext(ctx, program, args...)
	child.Env = childEnvironment(program, os.Environ())
	stdout, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", program, err)
	}
	output, err := secretbytes.ReadFrom(stdout, scripts.MaxInput)
	if err != nil {
		_ = child.Process.Kill()
	}
	if err := errors.Join(err, child.Wait()); err != nil {
		output.Wipe()
		return nil, fmt.Errorf("run %s: %w; run it by hand, as this user and in this folder, to see why", program, err)
	}
	return output, nil
}

// childEnvironment is the environment without what git gives to its hooks, which
// is about this repository, and which another program's git would take for its
// own.
func childEnvironment(program string, env []string) []string {
	if program == "git" {
		return env
	}
	return slices.DeleteFunc(env, func(entry string) bool { return strings.HasPrefix(entry, "GIT_") })
}
