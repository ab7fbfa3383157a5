package child

import (
	"errors"
	"os"
	"os/signal"
)

func openPipes(descriptors []Descriptor) (*pipes, error) {
	if len(descriptors) > 0 {
		return &pipes{}, errors.New("a command inherits no numbered descriptors on Windows; use --secret")
	}
	return &pipes{}, nil
}

// signals are those that are passed on: an interrupt reaches all processes of a
// console by itself, and must not end this one before the command.
type signals struct{ caught chan os.Signal }

func catchSignals() *signals {
	s := &signals{make(chan os.Signal, 1)}
	signal.Notify(s.caught, os.Interrupt)
	return s
}

func (s *signals) to(*os.Process) {}

func (s *signals) stop() { signal.Stop(s.caught) }

func exitCode(ended *os.ProcessState) int { return ended.ExitCode() }
