package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"unicode"

	"github.com/sealrelay/sealrelay/internal/subprocess"
)

// exitWarning is the exit code of a command that has done its work and wants somebody
// to look at it.
const exitWarning = 4

// Call is what a command reads on its standard input, as JSON.
type Call struct {
	Job string `json:"job"`
	Run string `json:"run"`
	// Parameters are what Values returned.
	Parameters map[string]any `json:"parameters"`
}

// Result is how a command ended that did not fail.
type Result struct {
	Warning bool
	// Message is the last line of its standard error, printable; it may be empty.
	Message string
	// Cut says that there was more output than was to be taken.
	Cut bool
}

// Do runs the command and writes its standard output to output, limit bytes at most;
// the rest is read and left out. It is killed with what it has started when ctx ends,
// and when output fails. The error has the last line of its standard error.
func (c Command) Do(ctx context.Context, call Call, output io.Writer, limit int64) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	input, err := json.Marshal(call)
	if err != nil {
		return Result{}, err
	}
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd, said := subprocess.Command(within, c.Run)
	cmd.Stdin = bytes.NewReader(append(input, '\n'))
	out := &bounded{to: output, left: limit, fail: cancel}
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		return Result{}, fmt.Errorf("the command cannot be run: %w", err)
	}
	ended := cmd.Wait()
	message := printable(said.Last())
	code := cmd.ProcessState.ExitCode()
	switch {
	case ctx.Err() != nil && code != 0 && code != exitWarning:
		return Result{}, fmt.Errorf("the command was killed: %w", ctx.Err())
	case out.failed != nil:
		return Result{}, fmt.Errorf("the command was killed, as its output cannot be kept: %w", out.failed)
	case code == 0 || code == exitWarning:
		return Result{Warning: code == exitWarning || out.cut, Message: message, Cut: out.cut}, nil
	case code < 0:
		return Result{}, withMessage(fmt.Sprintf("the command was killed: %v", cmd.ProcessState), message)
	}
	if _, exited := errors.AsType[*exec.ExitError](ended); !exited && ended != nil {
		return Result{}, fmt.Errorf("the command: %w", ended)
	}
	return Result{}, withMessage(fmt.Sprintf("the command ended with exit code %d", code), message)
}

func withMessage(what, message string) error {
	if message == "" {
		return errors.New(what)
	}
	return errors.New(what + ": " + message)
}

// bounded hands on what is within a limit. It takes everything, so that the command
// does not wait for it.
type bounded struct {
	to     io.Writer
	left   int64
	cut    bool
	failed error
	fail   context.CancelCauseFunc
}

// Write implements io.Writer.
func (b *bounded) Write(data []byte) (int, error) {
	taken := data[:min(int64(len(data)), b.left)]
	b.cut = b.cut || len(taken) < len(data)
	if len(taken) > 0 && b.failed == nil {
		b.left -= int64(len(taken))
		if _, b.failed = b.to.Write(taken); b.failed != nil {
			b.fail(b.failed)
		}
	}
	return len(data), nil
}

// printable is a text as a message repeats it: one line, without control characters.
func printable(text string) string {
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if c == unicode.ReplacementChar || !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, text))
}
