//go:build !windows

package service

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// echoOff turns a terminal's echo off, and returns what turns it on again.
func echoOff(fd uintptr) (restore func(), err error) {
	before, err := unix.IoctlGetTermios(int(fd), getTermios)
	if err != nil {
		return nil, fmt.Errorf("turn the terminal's echo off: %w", err)
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(int(fd), setTermios, &silent); err != nil {
		return nil, fmt.Errorf("turn the terminal's echo off: %w", err)
	}
	return func() { _ = unix.IoctlSetTermios(int(fd), setTermios, before) }, nil
}
