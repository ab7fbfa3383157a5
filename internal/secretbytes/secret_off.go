//go:build !goexperiment.runtimesecret

package secretbytes

// do calls f. In a build with GOEXPERIMENT=runtimesecret it also erases what f
// leaves in registers, on the stack and on the heap.
func do(f func()) { f() }

func forget() {}
