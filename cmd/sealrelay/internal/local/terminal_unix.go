//go:build !windows

package local

// terminalName is the controlling terminal.
const terminalName = "/dev/tty"
