package work

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// errOutside does not tell whether there is something at a path: whoever asks for it may
// be somebody who broke into the service.
var errOutside = errors.New("a path is not an absolute one below a folder of jobs.folders in the agent's configuration, or there is nothing at it")

// folders are those that jobs may have to do with, absolute.
type folders []string

// within returns where a path leads that is below one of the folders, after all symbolic
// links. The last part of it need not be there.
func (f folders) within(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", errOutside
	}
	resolved, err := follow(filepath.Clean(path))
	if err != nil {
		return "", errOutside
	}
	for _, folder := range f {
		// A folder may be made, or be another one, after the agent has begun.
		root, err := filepath.EvalSymlinks(folder)
		if err != nil {
			continue
		}
		if below, err := filepath.Rel(root, resolved); err == nil && filepath.IsLocal(below) {
			return resolved, nil
		}
	}
	return "", errOutside
}

// follow follows the symbolic links of a path whose last part need not be there. One that
// is a link to nowhere is not taken: what it leads to could be made afterwards.
func follow(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return resolved, err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", errOutside
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}
