//go:build !linux

package child

import "errors"

// folder is none: only Linux has tmpfs.
type folder struct{}

func newFolder(files []File) (*folder, error) {
	if len(files) > 0 {
		return nil, errors.New("this system has no tmpfs, and files would be on a disk; use --secret, or --secret-fd where there are descriptors")
	}
	return nil, nil
}

func (f *folder) variable() []string { return nil }

func (f *folder) remove() error { return nil }
