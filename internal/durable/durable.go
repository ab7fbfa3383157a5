// Package durable writes files so that a crash or a power cut leaves the old
// file or the new one, never a part of either, and so that a call that
// returned nil has its change on disk. It is the only caller of rename in
// sealrelay.
//
// The whole of [WriteFile], as the system sees it on Linux:
//
//	openat(dir, ".sealrelay-….tmp", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW, 0600)
//	write(tmp, …)
//	fchmod(tmp, mode)
//	fchown(tmp, uid, gid)                     only with an Owner
//	fsync(tmp)
//	close(tmp)
//	renameat(dir, ".sealrelay-….tmp", dir, "name")
//	openat(dir, ".", O_RDONLY)
//	fsync(dir)
//	close(dir)
//
// Every path goes through an [os.Root], so that neither ".." nor a symbolic
// link leads out of the folder that the caller opened.
//
// On Windows a folder cannot be synced: rename replaces the file in one step
// there too, but a power cut may bring the old one back.
package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// The name of a temporary file is prefix, random text, suffix. No secret's
// name begins with a dot, so none is ever taken for one.
const (
	tempPrefix = ".sealrelay-"
	tempSuffix = ".tmp"
)

// Owner is whom a new file or folder belongs to.
type Owner struct {
	// UID and GID are numeric; -1 leaves that one as it is.
	UID, GID int
}

// Options say what a new file or folder is to look like.
type Options struct {
	// Mode is the permission bits, set whatever the umask is.
	Mode fs.FileMode
	// Owner is set when it is not nil, which takes privileges and Unix.
	Owner *Owner
}

// WriteFile makes data the content of the file name, a slash-separated path
// below root whose folder exists. Readers see the old content or all of the
// new. On an error the old content is still there, unless only the last step,
// the sync of the folder, failed; in both cases the call can be repeated.
// It is safe for concurrent use; of two writers of one name the later rename
// wins.
func WriteFile(root *os.Root, name string, data []byte, opts Options) error {
	return replace(root, name, opts, func(file io.Writer) error {
		_, err := file.Write(data)
		return err
	})
}

func replace(root *os.Root, name string, opts Options, write func(io.Writer) error) error {
	dir := path.Dir(name)
	temp := path.Join(dir, tempPrefix+rand.Text()+tempSuffix)
	if err := writeTemp(root, temp, opts, write); err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, removeTemp(root, temp)))
	}
	// Commit point: before the rename a crash leaves the old file and a
	// temporary one for Sweep. After it the new file is seen by all readers,
	// and after the sync of the folder by readers behind a power cut as well.
	if err := root.Rename(temp, name); err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, removeTemp(root, temp)))
	}
	return syncDir(root, dir)
}

// WritePath is WriteFile for a path of the system, whose folder exists and is
// trusted.
func WritePath(name string, data []byte, opts Options) error {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer root.Close()
	return WriteFile(root, filepath.Base(name), data, opts)
}

// WritePathBy is WritePath for what does not fit into memory: write is called
// once with a writer that is valid until it returns. If it returns an error, so
// does WritePathBy, wrapped, and the old content is still there.
func WritePathBy(name string, opts Options, write func(io.Writer) error) error {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer root.Close()
	return replace(root, filepath.Base(name), opts, write)
}

func writeTemp(root *os.Root, temp string, opts Options, write func(io.Writer) error) (err error) {
	file, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := write(file); err != nil {
		return err
	}
	if err := file.Chmod(opts.Mode.Perm()); err != nil {
		return err
	}
	if opts.Owner != nil {
		if err := file.Chown(opts.Owner.UID, opts.Owner.GID); err != nil {
			return err
		}
	}
	return file.Sync()
}

func removeTemp(root *os.Root, temp string) error {
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Remove removes the file or empty folder name, a slash-separated path below
// root, and syncs its folder. That name is not there is no error, because a
// repeated removal is not; the folder is synced then too, for the crash that
// came between an earlier removal and its sync.
func Remove(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := syncDir(root, path.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// MkdirAll makes the folder name, a slash-separated path below root, and
// those on the way to it. Each one it makes gets the mode and owner of opts
// and has its parent synced; those that exist stay as they are.
func MkdirAll(root *os.Root, name string, opts Options) error {
	made := "."
	for segment := range strings.SplitSeq(path.Clean(name), "/") {
		parent := made
		made = path.Join(made, segment)
		if err := root.Mkdir(made, 0o700); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return err
		}
		if err := dressDir(root, made, opts); err != nil {
			return err
		}
		if err := syncDir(root, parent); err != nil {
			return err
		}
	}
	return nil
}

// dressDir sets mode and owner through an open handle, so that the folder
// cannot be swapped for something else in between.
func dressDir(root *os.Root, name string, opts Options) error {
	dir, err := root.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := chmodDir(dir, opts.Mode.Perm()); err != nil {
		return err
	}
	if opts.Owner == nil {
		return nil
	}
	return dir.Chown(opts.Owner.UID, opts.Owner.GID)
}

// Sweep removes what crashed writers left below root: temporary files last
// changed before the time. It returns how many it removed, and goes on behind
// what it cannot read or remove. A live writer that loses its temporary file
// gets an error and can repeat its call.
func Sweep(root *os.Root, before time.Time) (int, error) {
	removed := 0
	var failed []error
	_ = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && isTemp(entry.Name()) {
			var did bool
			if did, err = sweepOne(root, name, before); did {
				removed++
			}
		}
		failed = append(failed, err)
		return nil
	})
	if err := errors.Join(failed...); err != nil {
		return removed, fmt.Errorf("sweep temporary files: %w", err)
	}
	return removed, nil
}

// SweepFolder is Sweep for the folder root alone, without those below it.
func SweepFolder(root *os.Root, before time.Time) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, entry := range entries {
		if entry.Type().IsRegular() && isTemp(entry.Name()) {
			_, failed := sweepOne(root, entry.Name(), before)
			err = errors.Join(err, failed)
		}
	}
	if err != nil {
		return fmt.Errorf("sweep temporary files: %w", err)
	}
	return nil
}

func sweepOne(root *os.Root, name string, before time.Time) (removed bool, err error) {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !info.ModTime().Before(before) {
		return false, err
	}
	err = root.Remove(name)
	return err == nil, err
}

func isTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}
