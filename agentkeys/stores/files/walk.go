package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
)

// batch is how many names of a folder are read at once.
const batch = 1024

// walk is a run of a search. Its methods that return whether to go on have yielded why
// not.
type walk struct {
	*Discoverer
	yield  func(stores.Found, error) bool
	starts []start
	// left is how many files may still be looked at.
	left int
}

// root searches a folder that the search begins in.
func (w *walk) root(ctx context.Context, s start) bool {
	if s.err != nil {
		return w.problem(s.path, s.err)
	}
	root, err := os.OpenRoot(s.path)
	if err != nil {
		return w.problem(s.path, err)
	}
	defer root.Close()
	return w.folder(ctx, root, s.path, fileSystem(s.info), w.search.Depth)
}

// folder searches a folder and those in it, down to the depth.
func (w *walk) folder(ctx context.Context, root *os.Root, path string, system any, depth int) bool {
	w.searched.Add(1)
	var here contents
	below, ok := w.files(ctx, root, path, &here)
	if !ok {
		return false
	}
	if here.files > 0 && !w.yield(stores.Found{Kind: "directory", Path: path, About: here.about()}, nil) {
		return false
	}
	slices.Sort(below)
	for _, name := range below {
		if !w.enter(ctx, root, name, filepath.Join(path, name), system, depth) {
			return false
		}
	}
	return true
}

// files looks at the files of a folder, and returns the names of the folders in it.
func (w *walk) files(ctx context.Context, root *os.Root, path string, here *contents) (below []string, ok bool) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, w.problem(path, err)
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(batch)
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
		for _, entry := range entries {
			if ctx.Err() != nil {
				w.yield(stores.Found{}, ctx.Err())
				return nil, false
			}
			if w.left == 0 {
				w.problem(path, fmt.Errorf("the search ends in this folder: there are more than %d files", w.search.Files))
				return nil, false
			}
			w.left--
			switch {
			case entry.IsDir():
				below = append(below, entry.Name())
				continue
			case !entry.Type().IsRegular():
				w.leftOut.Add(1)
				continue
			}
			w.looked.Add(1)
			if !w.file(root, entry.Name(), filepath.Join(path, entry.Name()), here) {
				return nil, false
			}
		}
		if errors.Is(err, io.EOF) {
			return below, true
		}
		if err != nil {
			return below, w.problem(path, err)
		}
	}
}

// enter searches a folder that is in another.
func (w *walk) enter(ctx context.Context, parent *os.Root, name, path string, system any, depth int) bool {
	if ctx.Err() != nil {
		w.yield(stores.Found{}, ctx.Err())
		return false
	}
	info, err := parent.Lstat(name)
	switch {
	case err != nil:
		return w.problem(path, err)
	case !info.IsDir() || w.search.OneFileSystem && fileSystem(info) != system:
		w.leftOut.Add(1)
		return true
	case w.isStart(info):
		return true
	case depth == 0:
		w.deeper.Add(1)
		return true
	}
	root, err := parent.OpenRoot(name)
	if err != nil {
		return w.problem(path, err)
	}
	defer root.Close()
	// A link that has taken its place would have been followed.
	opened, err := root.Stat(".")
	if err != nil {
		return w.problem(path, err)
	}
	if !os.SameFile(info, opened) {
		return w.problem(path, errChanged)
	}
	return w.folder(ctx, root, path, system, depth-1)
}

// problem tells that a place could not be searched. What is not there any more is left
// out, unless it is where the search begins.
func (w *walk) problem(path string, err error) bool {
	begins := slices.ContainsFunc(w.starts, func(s start) bool { return s.path == path })
	if errors.Is(err, fs.ErrNotExist) && !begins {
		return true
	}
	return w.yield(stores.Found{Kind: Kind, Path: path, Problem: classify(err)}, nil)
}

// classify tells what must not be read from what cannot be.
func classify(err error) error {
	switch {
	case errors.Is(err, stores.ErrUnreadable):
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", stores.ErrDenied, err)
	}
	return fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
}
