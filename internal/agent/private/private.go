// Package private looks at whether a file or folder is its owner's alone.
package private

import (
	"fmt"
	"os"
)

// CheckFile refuses a file that others than its owner may read or write, or that
// is neither ours nor root's. The system is asked for the file behind a link.
func CheckFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", path)
	}
	return check(path, info)
}

// CheckDir refuses a folder that others than its owner may look into or write
// to, or that is neither ours nor root's.
func CheckDir(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder", path)
	}
	return check(path, info)
}
