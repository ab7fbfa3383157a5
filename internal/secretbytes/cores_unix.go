//go:build unix && !linux

package secretbytes

// leaveOutOfCores does nothing: the system has no such advice, and the program
// turns its core dumps off as a whole.
func leaveOutOfCores([]byte) {}
