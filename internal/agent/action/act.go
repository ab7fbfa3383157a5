package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/internal/config"
)

// killAfter is how long what a command left open may keep it from ending.
const killAfter = 5 * time.Second

// command runs a program. Of its output nothing is kept or told: it may have
// printed a value.
func command(args []string) func(context.Context) error {
	name := filepath.Base(args[0])
	return func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.WaitDelay = killAfter
		inGroup(cmd)
		err := cmd.Run()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("command %s did not end in time and was killed", name)
		case errors.As(err, &exit):
			return fmt.Errorf("command %s failed: %s", name, exit.ProcessState)
		}
		return fmt.Errorf("command %s did not start: %w", name, err)
	}
}

// signalling sends a signal to the process whose number a file has.
func signalling(pidFile, name string) func(context.Context) error {
	return func(context.Context) error {
		pid, err := readPID(pidFile)
		if err != nil {
			return fmt.Errorf("signal: %w", err)
		}
		process, err := os.FindProcess(pid)
		if err != nil {
			return fmt.Errorf("signal: process of %s: %w", pidFile, err)
		}
		defer func() { _ = process.Release() }()
		if err := process.Signal(signals[name]); err != nil {
			return fmt.Errorf("signal: process of %s: %w", pidFile, err)
		}
		return nil
	}
}

func readPID(file string) (int, error) {
	data, err := config.ReadBounded(file)
	if err != nil {
		return 0, err
	}
	// 0 and below are groups of processes, 1 is the system's first process.
	pid, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 32)
	if err != nil || pid < 2 {
		return 0, fmt.Errorf("%s has no number of a process", file)
	}
	return int(pid), nil
}

// touch sets a file's time to now and makes it, readable by all, if it is not
// there.
func touch(path string) func(context.Context) error {
	return func(context.Context) error {
		now := time.Now()
		err := os.Chtimes(path, now, now)
		if !errors.Is(err, fs.ErrNotExist) {
			return wrapTouch(err)
		}
		made, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644) //nolint:gosec // It is empty, and for whoever watches it.
		if err != nil {
			return wrapTouch(err)
		}
		return wrapTouch(made.Close())
	}
}

func wrapTouch(err error) error {
	if err != nil {
		return fmt.Errorf("touch: %w", err)
	}
	return nil
}
