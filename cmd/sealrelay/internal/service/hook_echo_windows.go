package service

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// echoOff turns a console's echo off, and returns what turns it on again.
func echoOff(fd uintptr) (restore func(), err error) {
	var before uint32
	console := windows.Handle(fd)
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return nil, fmt.Errorf("turn the console's echo off: %w", err)
	}
	if err := windows.SetConsoleMode(console, before&^windows.ENABLE_ECHO_INPUT); err != nil {
		return nil, fmt.Errorf("turn the console's echo off: %w", err)
	}
	return func() { _ = windows.SetConsoleMode(console, before) }, nil
}
