package subprocess

import (
	"os/exec"
	"syscall"
)

// group keeps the command from the signals of the service's console. When it is
// killed, what it has started goes on: there are no process groups to kill here.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
