// Package files finds certificate stores in folders: keystores, and folders that have
// certificates. What a file is, its content says and not its name; no password is
// needed, and no private key is opened.
package files

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
)

// Kind is that of a place that could not be searched.
const Kind = "files"

// The limits that a Search may not exceed. Each level that is gone down holds a folder
// open.
const (
	MaxDepth = 128
	MaxFiles = 100_000_000
)

// Search says where stores are searched for, and how far.
type Search struct {
	// Folders are searched with those below them. One that is a symbolic link is
	// followed; what is a symbolic link in them is not.
	Folders []string
	// Depth is how many levels of folders below each are gone down: 0 to MaxDepth.
	Depth int
	// Files is how many files and folders are looked at in all: 1 to MaxFiles.
	Files int
	// OneFileSystem leaves out what is mounted below a folder.
	OneFileSystem bool
}

// Discoverer finds stores in folders. It is safe for concurrent use; the counts are those
// of all runs.
type Discoverer struct {
	search Search
	// folders are those of the search, absolute.
	folders                           []string
	looked, searched, deeper, leftOut atomic.Int64
}

// NewDiscoverer checks the settings.
func NewDiscoverer(search Search) (*Discoverer, error) {
	switch {
	case len(search.Folders) == 0:
		return nil, errors.New("there is no folder to search")
	case search.Depth < 0 || search.Depth > MaxDepth:
		return nil, fmt.Errorf("the depth is not 0 to %d", MaxDepth)
	case search.Files < 1 || search.Files > MaxFiles:
		return nil, fmt.Errorf("not 1 to %d files", MaxFiles)
	}
	d := &Discoverer{search: search}
	for _, folder := range search.Folders {
		if folder == "" {
			return nil, errors.New("the name of a folder is empty")
		}
		absolute, err := filepath.Abs(folder)
		if err != nil {
			return nil, fmt.Errorf("folder %q: %w", folder, err)
		}
		d.folders = append(d.folders, absolute)
	}
	return d, nil
}

// Progress is how many files were looked at; how many there are is not known.
func (d *Discoverer) Progress() (done, total int) { return int(d.looked.Load()), 0 }

// Summary says in a line what was looked at, and what was not.
func (d *Discoverer) Summary() string {
	return fmt.Sprintf("%d files in %d folders looked at; left out: %d folders that are deeper, %d links, devices and other file systems",
		d.looked.Load(), d.searched.Load(), d.deeper.Load(), d.leftOut.Load())
}

// Discover implements stores.Discoverer. A PKCS#12 file is a store of kind pkcs12, a JKS
// or JCEKS file one of kind jks, and a folder one of kind directory if a file right in it
// has a certificate. Links are not followed, and neither devices nor FIFOs are opened.
// Whatever cannot be read is yielded with its problem, and so is the folder at which
// the search ends as there are more files than it may look at.
func (d *Discoverer) Discover(ctx context.Context) iter.Seq2[stores.Found, error] {
	return func(yield func(stores.Found, error) bool) {
		w := &walk{Discoverer: d, yield: yield, left: d.search.Files}
		w.roots(d.folders)
		for _, r := range w.starts {
			if !w.root(ctx, r) {
				return
			}
		}
	}
}

// start is a folder that the search begins in.
type start struct {
	path string
	// info is nil if there is no such folder.
	info os.FileInfo
	err  error
}

// roots looks at the folders that are to be searched. One that is there twice, by
// whatever name, is searched once.
func (w *walk) roots(folders []string) {
	for _, folder := range folders {
		info, err := os.Stat(folder)
		if err == nil && w.isStart(info) {
			continue
		}
		w.starts = append(w.starts, start{folder, info, err})
	}
}

// isStart reports whether it is one of the folders that the search begins in. One that
// is met in another is left to its own turn, which goes deeper, so that nothing is
// yielded twice.
func (w *walk) isStart(info os.FileInfo) bool {
	for _, s := range w.starts {
		if s.err == nil && os.SameFile(s.info, info) {
			return true
		}
	}
	return false
}
