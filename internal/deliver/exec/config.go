package exec

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Config is the destination's part of the configuration.
type Config struct {
	// Command is the program, by its absolute path, and its arguments. No shell
	// reads them. Required.
	Command []string `yaml:"command"`
	// Timeout bounds a run, from 1s to 5m; delivery.timeout bounds it as well. What
	// runs longer is killed. Default: 20s
	Timeout time.Duration `yaml:"timeout"`
}

const (
	defaultTimeout = 20 * time.Second
	minTimeout     = time.Second
	maxTimeout     = 5 * time.Minute
)

func (c Config) check() error {
	switch {
	case len(c.Command) == 0:
		return errors.New("command is missing: name the program and its arguments")
	case !filepath.IsAbs(c.Command[0]):
		return errors.New("command does not begin with the absolute path of a program")
	case strings.ContainsRune(strings.Join(c.Command, ""), 0):
		return errors.New("command has a NUL byte")
	case c.Timeout != 0 && (c.Timeout < minTimeout || c.Timeout > maxTimeout):
		return fmt.Errorf("timeout %v is not from %v to %v", c.Timeout, minTimeout, maxTimeout)
	}
	return nil
}
