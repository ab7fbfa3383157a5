package sftp

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/sync/errgroup"

	"github.com/sealrelay/sealrelay/internal/deliver/layout"
)

// The name of a temporary file is prefix, random text, suffix, as that of
// package durable. No secret's name begins with a dot.
const (
	tempPrefix = ".sealrelay-"
	tempSuffix = ".tmp"
)

// folder is the one that a secret's files are in.
type folder struct {
	*session
	dir string
	dressing
	// commit is called before the first rename.
	commit func() error
	// timer bounds what follows commit.
	timer *time.Timer
}

var _ layout.Folder = (*folder)(nil)

// Look implements layout.Folder, in one round trip.
func (f *folder) Look(names []string) ([]fs.FileInfo, error) {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = path.Join(f.dir, name)
	}
	return f.lstat(paths)
}

func (s *session) lstat(paths []string) ([]fs.FileInfo, error) {
	infos := make([]fs.FileInfo, len(paths))
	var group errgroup.Group
	for i, name := range paths {
		group.Go(func() error {
			info, err := s.Lstat(name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			infos[i] = info
			return told("look at", name, err)
		})
	}
	return infos, group.Wait()
}

// Read implements layout.Folder.
func (f *folder) Read(name string, limit int64) ([]byte, error) {
	file, err := f.Open(path.Join(f.dir, name))
	if err != nil {
		return nil, told("read", name, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit))
	return data, told("read", name, err)
}

// Replace implements layout.Folder. All files are written before the first is
// put into place.
func (f *folder) Replace(files []layout.File) error {
	temps := make([]string, len(files))
	var group errgroup.Group
	for i, file := range files {
		temps[i] = path.Join(f.dir, tempPrefix+rand.Text()+tempSuffix)
		group.Go(func() error { return told("write", file.Name, f.write(temps[i], file.Data)) })
	}
	err := group.Wait()
	if err == nil {
		err = f.commit()
	}
	for i := 0; err == nil && i < len(files); i++ {
		// Commit point of the file: readers see the old one before it and all of
		// the new one after it.
		err = told("replace", files[i].Name, f.PosixRename(temps[i], path.Join(f.dir, files[i].Name)))
	}
	if err != nil {
		for _, temp := range temps {
			// What cannot be removed, over a lost connection, is swept later.
			_ = f.Client.Remove(temp)
		}
	}
	return err
}

// write makes a new file. It has its mode and owner before any of its content.
func (f *folder) write(name string, data []byte) (err error) {
	file, err := f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Chmod(f.file); err != nil {
		return err
	}
	if f.owner != nil {
		if err := file.Chown(f.owner.uid, f.owner.gid); err != nil {
			return fmt.Errorf("%w: %w", errOwner, err)
		}
	}
	if _, err := file.Write(data); err != nil {
		return err
	}
	if f.fsync {
		return file.Sync()
	}
	return nil
}

// Remove implements layout.Folder.
func (f *folder) Remove(name string) error {
	err := f.Client.Remove(path.Join(f.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return told("remove", name, err)
}

var errOwner = errors.New("user may not give files away: leave owner out, or log in as one who may")

// told is an error without the server's own words, which are not to be trusted.
func told(doing, name string, err error) error {
	if err == nil {
		return nil
	}
	for _, class := range []error{errOwner, fs.ErrNotExist, fs.ErrPermission} {
		if errors.Is(err, class) {
			return fmt.Errorf("%s %q: %w", doing, name, class)
		}
	}
	if status, ok := errors.AsType[*sftp.StatusError](err); ok {
		return fmt.Errorf("%s %q: the server refuses with status %d, 4 being a failure such as a full disk", doing, name, status.Code)
	}
	return fmt.Errorf("%s %q: %w", doing, name, errLost)
}
