// Package exec is the destination that runs a command for each delivery, without
// a shell: the envelope on its standard input, names and statement in its
// environment.
//
// Whether a version is newer than what is there is the command's to decide, by
// SEALRELAY_VERSION, and to say so with exit code 0: deliveries are repeated, and
// after a crash of the service a run of the last one may still be under way.
package exec

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/subprocess"
)

// maxLine bounds what is told of what a command said last, in bytes.
const maxLine = 200

// finalCodes are the exit codes that no repetition mends, as sysexits.h of BSD
// names them.
var finalCodes = map[int]string{
	64: "usage error",
	65: "data refused",
	77: "permission denied",
	78: "configuration error",
}

// Destination is a command. It is safe for concurrent use; runs for different
// secrets may be under way at once.
type Destination struct {
	command []string
	timeout time.Duration
}

// New makes the destination of its part of the configuration. That the program is
// there is not checked before it is run.
func New(settings deliver.Settings) (deliver.Destination, error) {
	var c Config
	if err := settings.Decode(&c); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Destination{c.Command, cmp.Or(c.Timeout, defaultTimeout)}, nil
}

// Deliver implements deliver.Destination. Exit code 0 says that the version, or a
// newer one, is there durably; 64, 65, 77 and 78 are final; whatever else happens
// is tried again. When ctx ends or the time is over, the command and what it
// started are killed. There is no receipt.
func (d *Destination) Deliver(ctx context.Context, delivery outbox.Delivery) (receipt string, err error) {
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	said, err := d.run(limited, delivery)
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay): // It succeeded, and something holds its standard error.
		return "", nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case limited.Err() != nil:
		return "", fmt.Errorf("the command did not end within %v and was killed%s", d.timeout, said)
	}
	exit, ended := errors.AsType[*exec.ExitError](err)
	if !ended {
		return "", fmt.Errorf("the command cannot be run: %w", err)
	}
	return "", failure(exit.ProcessState, said)
}

// run runs the command and returns what it said last, to be put behind a reason.
func (d *Destination) run(ctx context.Context, delivery outbox.Delivery) (said string, err error) {
	cmd, output := subprocess.Command(ctx, d.command, environment(delivery)...)
	cmd.Stdin = bytes.NewReader(delivery.Envelope)
	err = cmd.Run()
	if line := deliver.Line(output.Last(), maxLine); line != "" {
		said = ": " + line
	}
	return said, err
}

func failure(state *os.ProcessState, said string) error {
	code := state.ExitCode()
	if code < 0 {
		return fmt.Errorf("the command was ended: %s%s", state, said)
	}
	if meaning, final := finalCodes[code]; final {
		return deliver.Final(fmt.Errorf("the command ended with exit code %d (%s)%s", code, meaning, said))
	}
	return fmt.Errorf("the command ended with exit code %d%s", code, said)
}

// environment is all that the command gets to know beside the envelope.
func environment(d outbox.Delivery) []string {
	return []string{
		"SEALRELAY_AGENT=" + d.Agent,
		"SEALRELAY_SECRET=" + d.Secret,
		"SEALRELAY_VERSION=" + strconv.FormatInt(d.Version, 10),
		"SEALRELAY_OPERATION=" + d.Operation,
		"SEALRELAY_FORMAT=" + d.Format,
		"SEALRELAY_KEY_ID=" + d.KeyID,
		"SEALRELAY_STATEMENT=" + d.Statement,
	}
}
