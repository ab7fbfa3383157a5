package child

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sealrelay/sealrelay/internal/agent/render"
)

// pattern is what the folders are called.
const pattern = "sealrelay-exec-*"

// youngest is how old a folder is before it may be one that was left: a younger
// one may be about to be locked.
const youngest = time.Minute

// folder is a folder on tmpfs, for one command's files; nil for none. While the
// command runs it is locked, so that what a killed process left is known.
type folder struct {
	path string
	held *os.File
}

func newFolder(files []File) (*folder, error) {
	if len(files) == 0 {
		return nil, nil
	}
	base, err := memory()
	if err != nil {
		return nil, err
	}
	sweep(base)
	path, err := os.MkdirTemp(base, pattern)
	if err != nil {
		return nil, err
	}
	f := &folder{path: path}
	if f.held, err = hold(path); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	for _, file := range files {
		if err := write(filepath.Join(path, file.Name), file); err != nil {
			return nil, errors.Join(err, f.remove())
		}
	}
	return f, nil
}

// memory is a folder on tmpfs in which this user may write.
func memory() (string, error) {
	for _, base := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm", "/run"} {
		if !filepath.IsAbs(base) || unix.Access(base, unix.W_OK) != nil {
			continue
		}
		if in, err := render.InMemory(base); err == nil && in {
			return base, nil
		}
	}
	return "", errors.New("there is no tmpfs to write to: neither $XDG_RUNTIME_DIR nor /dev/shm nor /run is one; mount one there, or use --secret or --secret-fd")
}

func hold(path string) (*os.File, error) {
	held, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = held.Close()
		return nil, err
	}
	return held, nil
}

func write(path string, file File) (err error) {
	made, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return fmt.Errorf("write a file for the command: %w", err)
	}
	defer func() { err = errors.Join(err, made.Close()) }()
	return file.Value.Expose(func(plaintext []byte) error {
		_, err := made.Write(plaintext)
		return err
	})
}

// sweep removes the folders of this user whose process was killed before it could
// do so. What cannot be removed now is at the next time.
func sweep(base string) {
	left, _ := filepath.Glob(filepath.Join(base, pattern)) // The pattern is good.
	for _, path := range left {
		var info unix.Stat_t
		if unix.Lstat(path, &info) != nil || info.Mode&unix.S_IFMT != unix.S_IFDIR || int(info.Uid) != os.Geteuid() {
			continue
		}
		if time.Since(time.Unix(info.Mtim.Unix())) < youngest {
			continue
		}
		if held, err := hold(path); err == nil {
			_ = (&folder{path, held}).remove()
		}
	}
}

// variable is what tells the command where its files are.
func (f *folder) variable() []string {
	if f == nil {
		return nil
	}
	return []string{FolderVariable + "=" + f.path}
}

func (f *folder) remove() error {
	if f == nil {
		return nil
	}
	err := os.RemoveAll(f.path)
	if f.held != nil {
		err = errors.Join(err, f.held.Close())
	}
	return err
}
