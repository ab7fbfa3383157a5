// Package subprocess runs an operator's commands: without a shell, with little of the
// service's environment, in a process group of their own that ends with them.
package subprocess

import (
	"context"
	"os"
	"os/exec"
	"time"
)

// lingerFor is how long a command that has ended may leave its outputs open, in a
// process that it started.
const lingerFor = time.Second

// inherited is what a command gets of the service's own environment, which may hold
// credentials.
var inherited = []string{"PATH", "HOME", "LANG", "TZ", "TMPDIR", "SYSTEMROOT", "TEMP"}

// Command is a command that is killed, with what it has started, when ctx ends. Its
// environment is env and some of ours; the end of its standard error is kept.
func Command(ctx context.Context, command []string, env ...string) (*exec.Cmd, *Tail) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	for _, name := range inherited {
		if value, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	output := &Tail{}
	cmd.Stderr = output
	cmd.WaitDelay = lingerFor
	group(cmd)
	return cmd, output
}
