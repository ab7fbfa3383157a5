//go:build unix

package private

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

func check(path string, info fs.FileInfo) error {
	others := info.Mode().Perm() & 0o077
	if inCredentials(path) {
		// There systemd gives the service's user access by an access control list,
		// whose mask the system shows as the group's permissions.
		others &^= 0o050
	}
	if others != 0 {
		return fmt.Errorf("others may read or write %s (mode %04o); chmod it to %04o", path, info.Mode().Perm(), info.Mode().Perm()&0o700)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user; it must be that of whom the agent runs as, or root's", path)
	}
	return nil
}

// inCredentials says whether a path is in the folder that systemd made for this
// unit alone (systemd.exec(5), LoadCredential=).
func inCredentials(path string) bool {
	folder := os.Getenv("CREDENTIALS_DIRECTORY")
	if folder == "" || !filepath.IsAbs(folder) {
		return false
	}
	below, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(below) && !strings.HasPrefix(below, "..")
}
