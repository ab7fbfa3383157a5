package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/sealrelay/sealrelay/internal/deliver/layout"
	"github.com/sealrelay/sealrelay/internal/durable"
)

// folder is the one that a secret's files are in.
type folder struct {
	*os.Root
	file durable.Options
}

var _ layout.Folder = (*folder)(nil)

// descend opens the folder at the end of the way and makes what is missing of
// it. The caller closes root, the folder is closed on its own.
func (d *Destination) descend(root *os.Root, folders []string) (*folder, error) {
	here, err := root.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	for _, name := range folders {
		below, err := d.enter(here, name)
		here.Close()
		if err != nil {
			return nil, err
		}
		here = below
	}
	return &folder{here, d.file}, nil
}

// enter opens a folder that is one, and not a symbolic link to one.
func (d *Destination) enter(here *os.Root, name string) (*os.Root, error) {
	info, err := here.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := durable.MkdirAll(here, name, d.made); err != nil {
			return nil, err
		}
		info, err = here.Lstat(name)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, layout.NoFolder(name, info)
	}
	below, err := here.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	// It may have been swapped for a link after the look at it.
	if opened, err := below.Stat("."); err != nil || !os.SameFile(info, opened) {
		below.Close()
		return nil, fmt.Errorf("folder %q changed while it was opened", name)
	}
	return below, nil
}

// Look implements layout.Folder.
func (f *folder) Look(names []string) ([]fs.FileInfo, error) {
	infos := make([]fs.FileInfo, len(names))
	for i, name := range names {
		info, err := f.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		infos[i] = info
	}
	return infos, nil
}

// Read implements layout.Folder.
func (f *folder) Read(name string, limit int64) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}

// Replace implements layout.Folder.
func (f *folder) Replace(files []layout.File) error {
	for _, file := range files {
		if err := durable.WriteFile(f.Root, file.Name, file.Data, f.file); err != nil {
			return err
		}
	}
	return nil
}

// Remove implements layout.Folder.
func (f *folder) Remove(name string) error { return durable.Remove(f.Root, name) }
