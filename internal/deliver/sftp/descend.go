package sftp

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver/layout"
)

// descend finds the folder at the end of the way and makes what is missing of
// it. No folder on the way is a symbolic link, but the destination's own, which
// the operator named, may be one. SFTP has no handles of folders: who can write
// into one on the host could swap it for a link between this look and the
// writing, with what the server's user may do.
func (d *Destination) descend(s *session, folders []string) (*folder, error) {
	if err := d.base(s); err != nil {
		return nil, err
	}
	paths := make([]string, len(folders))
	for i := range folders {
		paths[i] = path.Join(d.dir, path.Join(folders[:i+1]...))
	}
	infos, err := s.lstat(paths)
	if err != nil {
		return nil, err
	}
	for i, name := range paths {
		if err := d.enter(s, name, infos[i]); err != nil {
			return nil, err
		}
	}
	here := &folder{session: s, dir: path.Join(d.dir, path.Join(folders...)), dressing: d.dressing}
	d.sweep(here)
	return here, nil
}

// base makes the destination's own folder if only that is missing: a whole path
// that is missing is more likely a mistake, or not mounted.
func (d *Destination) base(s *session) error {
	info, err := s.Stat(d.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := s.Stat(path.Dir(d.dir)); err != nil {
			return fmt.Errorf("folder above dir: %w; make it or mend dir", told("look at", path.Dir(d.dir), err))
		}
		return d.make(s, d.dir)
	case err != nil:
		return told("look at", d.dir, err)
	case !info.IsDir():
		return layout.NoFolder(d.dir, info)
	}
	return nil
}

// enter checks that a folder is one, and makes it if it is nothing.
func (d *Destination) enter(s *session, name string, info fs.FileInfo) error {
	switch {
	case info == nil:
		return d.make(s, name)
	case !info.IsDir():
		return layout.NoFolder(strings.TrimPrefix(name, d.dir+"/"), info)
	}
	return nil
}

// make makes a folder, or finds that another delivery was first.
func (d *Destination) make(s *session, name string) error {
	made := s.Mkdir(name)
	if made != nil {
		info, err := s.Lstat(name)
		if err != nil {
			return told("make", name, made)
		}
		return d.enter(s, name, info)
	}
	if err := s.Chmod(name, d.dressing.made); err != nil {
		return told("set the mode of", name, err)
	}
	if d.dressing.owner == nil {
		return nil
	}
	if err := s.Chown(name, d.dressing.owner.uid, d.dressing.owner.gid); err != nil {
		return told("set the owner of", name, fmt.Errorf("%w: %w", errOwner, err))
	}
	return nil
}

const (
	// sweepEvery is how often a folder is looked through for temporary files.
	sweepEvery = time.Hour
	// stale is how much older than the newest entry of its folder a temporary
	// file is that no writer can be at work on any more. The ages are by the
	// server's clock alone.
	stale = time.Hour
)

// sweep removes what lost connections left in the folder. What cannot be swept
// does no harm: it is ciphertext that no reader takes for an envelope.
func (d *Destination) sweep(f *folder) {
	d.mu.Lock()
	due := time.Since(d.swept[f.dir]) >= sweepEvery
	if due {
		d.swept[f.dir] = time.Now()
	}
	d.mu.Unlock()
	if !due {
		return
	}
	entries, err := f.ReadDir(f.dir)
	if err != nil {
		return
	}
	var now time.Time
	for _, entry := range entries {
		if entry.ModTime().After(now) {
			now = entry.ModTime()
		}
	}
	for _, entry := range entries {
		if isTemp(entry) && entry.ModTime().Before(now.Add(-stale)) {
			_ = f.Client.Remove(path.Join(f.dir, entry.Name()))
		}
	}
}

func isTemp(entry fs.FileInfo) bool {
	return entry.Mode().IsRegular() && strings.HasPrefix(entry.Name(), tempPrefix) && strings.HasSuffix(entry.Name(), tempSuffix)
}
