//go:build goexperiment.runtimesecret

package secretbytes

import (
	"runtime"
	"runtime/secret"
)

// do calls f and erases what it leaves: registers and stack before do returns,
// on the heap each object once the garbage collector finds it unused.
func do(f func()) { secret.Do(f) }

func forget() { runtime.GC() }
