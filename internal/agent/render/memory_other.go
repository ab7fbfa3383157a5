//go:build !linux

package render

// InMemory is false: this system has no tmpfs.
func InMemory(string) (bool, error) { return false, nil }
