package service

import (
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// takeArguments moves arguments into Values. Those of this process are
// overwritten where the system lets a process do so: other users no longer see
// them in the list of processes.
func takeArguments(args []string) []*hooks.Value {
	var values []*hooks.Value
	for _, arg := range args {
		values = append(values, secretbytes.New([]byte(arg)))
		scrub(arg)
	}
	return values
}
