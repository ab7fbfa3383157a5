//go:build unix

package child

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// passed are the signals that a command gets in place of this process.
var passed = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT,
}

// fromTerminal are those that a terminal sends to every process of the foreground,
// so that the command has them already.
var fromTerminal = map[os.Signal]bool{syscall.SIGINT: true, syscall.SIGQUIT: true, syscall.SIGWINCH: true}

// signals keeps signals from ending this process before the command.
type signals struct {
	caught chan os.Signal
	ended  chan struct{}
}

func catchSignals() *signals {
	s := &signals{caught: make(chan os.Signal, 16), ended: make(chan struct{})}
	signal.Notify(s.caught, passed...)
	return s
}

// to passes signals on until stop, those too that came before.
func (s *signals) to(process *os.Process) {
	go func() {
		for {
			select {
			case caught := <-s.caught:
				if !fromTerminal[caught] || !inForeground() {
					_ = process.Signal(caught) // It may have ended.
				}
			case <-s.ended:
				return
			}
		}
	}()
}

func (s *signals) stop() {
	signal.Stop(s.caught)
	close(s.ended)
}

// inForeground says whether this process is in the foreground of its terminal.
func inForeground() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer func() { _ = terminal.Close() }()
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

func exitCode(ended *os.ProcessState) int {
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return ended.ExitCode()
}
