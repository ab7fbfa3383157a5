//go:build unix

package subprocess

import (
	"os/exec"
	"syscall"
)

// group runs the command in a process group of its own, all of which is killed
// when the command is.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
