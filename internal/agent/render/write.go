package render

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sealrelay/sealrelay/internal/durable"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Target is where an output goes.
type Target struct {
	// Path is the file; its folder exists.
	Path string
	// Options are the file's mode and owner.
	durable.Options
	// AllowDisk permits a folder that is not on tmpfs.
	AllowDisk bool
}

// ErrDisk refuses a place where values would be on a disk.
var ErrDisk = errors.New("not on tmpfs: the values would be on a disk")

// Write makes output the content of the file, in one step.
func (t Target) Write(output *secretbytes.Value) error {
	if err := t.check(); err != nil {
		return err
	}
	return output.Expose(func(plaintext []byte) error { return durable.WritePath(t.Path, plaintext, t.Options) })
}

// Current is what the file holds now, for the caller to wipe; nil if there is no
// file.
func (t Target) Current() (*secretbytes.Value, error) {
	file, err := os.Open(t.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return secretbytes.ReadFrom(file, maxOutput)
}

// maxOutput is the largest output that is put back, in bytes.
const maxOutput = 64 << 20

// Restore makes the file what Current returned.
func (t Target) Restore(before *secretbytes.Value) error {
	if before != nil {
		return t.Write(before)
	}
	if err := os.Remove(t.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sweep removes what runs before that time left half written beside the file, if
// they were killed: it may have values in it.
func (t Target) Sweep(before time.Time) error {
	root, err := os.OpenRoot(filepath.Dir(t.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	return durable.SweepFolder(root, before)
}

func (t Target) check() error {
	folder := filepath.Dir(t.Path)
	if info, err := os.Lstat(t.Path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file; remove it or name another", t.Path)
	}
	if t.AllowDisk {
		return nil
	}
	in, err := InMemory(folder)
	if err != nil {
		return err
	}
	if !in {
		return fmt.Errorf("%s is %w; name a place below /run or /dev/shm, or allow it with --allow-disk (allow_disk in the configuration)", folder, ErrDisk)
	}
	return nil
}
