//go:build unix

package spool

import (
	"fmt"
	"os"
	"syscall"
)

// checkOwner refuses a folder that is another user's, or in which others may
// write.
func checkOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", dir)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others may write in %s, and what is in it gets signed; chmod it to 700", dir)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is another user's, and what is in it gets signed; give a folder of your own", dir)
	}
	return nil
}
