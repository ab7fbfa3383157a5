//go:build unix

package crashtest

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// errNotModelled keeps the replay from being wrong without a word.
var errNotModelled = errors.New("the replayer does not know this call")

// apply does what the call did. It says whether the call has to do with the
// files below root.
func (d *disk) apply(c *call) (bool, error) {
	switch c.name {
	case "open", "openat":
		return d.open(c)
	case "write", "pwrite64":
		return d.write(c)
	case "ftruncate":
		return d.truncate(c)
	case "fsync", "fdatasync":
		return d.sync(c)
	case "mkdir", "mkdirat":
		return d.makeFolder(c)
	case "unlink", "unlinkat", "rmdir":
		return d.remove(c)
	case "rename", "renameat", "renameat2":
		return d.rename(c)
	case "mmap":
		return d.mmap(c)
	}
	if slices.ContainsFunc(c.args, d.mentions) && !c.failed() {
		return true, fmt.Errorf("%w: %s", errNotModelled, c.name)
	}
	return false, nil
}

// mentions says whether an argument is a path or a file below root.
func (d *disk) mentions(arg string) bool {
	if data, err := content(arg); err == nil {
		_, below := d.below(string(data))
		return below
	}
	f, err := file(arg)
	_, below := d.below(f.path)
	return err == nil && below
}

// below is the path relative to root.
func (d *disk) below(path string) (string, bool) {
	if path == d.root {
		return "", true
	}
	return strings.CutPrefix(filepath.Clean(path), d.root+"/")
}

// named is the path that the arguments from i on name: for the calls that end
// in "at" a folder and a name, otherwise a name.
func (d *disk) named(c *call, i int) (path string, below bool, err error) {
	if strings.Contains(c.name, "at") {
		folder, err := file(c.arg(i))
		if err != nil {
			return "", false, err
		}
		path, i = folder.path, i+1
	}
	name, err := content(c.arg(i))
	if err != nil {
		return "", false, err
	}
	if filepath.IsAbs(string(name)) {
		path = string(name)
	} else {
		path = filepath.Join(path, string(name))
	}
	relative, below := d.below(path)
	return relative, below, nil
}

// find is the node that a path below root names now, nil if there is none.
func (d *disk) find(path string) *node {
	at := d.top
	for name := range strings.SplitSeq(path, "/") {
		if name != "" && at != nil {
			at = at.entries[name]
		}
	}
	return at
}

// parent is the folder of a path below root, and the last part of the path.
func (d *disk) parent(path string) (*node, string, error) {
	dir, name := filepath.Split(path)
	folder := d.find(dir)
	if folder == nil || !folder.folder() {
		return nil, "", fmt.Errorf("folder of %q is not known", path)
	}
	return folder, name, nil
}

func (d *disk) open(c *call) (bool, error) {
	path, below, err := d.named(c, 0)
	if err != nil || !c.ended || c.failed() {
		return below, err
	}
	flags := c.arg(1)
	if c.name == "openat" {
		flags = c.arg(2)
	}
	delete(d.opened, int(c.ret))
	if !below {
		return false, nil
	}
	n := d.find(path)
	if n == nil && d.making[path] {
		if n, err = d.made(path); err != nil {
			return true, err
		}
	}
	if n == nil {
		if !strings.Contains(flags, "O_CREAT") {
			return true, fmt.Errorf("%q is opened and is not known", path)
		}
		folder, name, err := d.parent(path)
		if err != nil {
			return true, err
		}
		n = &node{}
		d.seen = append(d.seen, n)
		folder.change(&entry{add: name, node: n})
	}
	if strings.Contains(flags, "O_TRUNC") || strings.Contains(flags, "O_APPEND") {
		return true, fmt.Errorf("%w: open with %s", errNotModelled, flags)
	}
	d.opened[int(c.ret)] = &openFile{node: n, sequential: strings.Contains(flags, "O_WRONLY")}
	return true, nil
}

// target is the file or folder below root that the first argument is.
func (d *disk) target(c *call) (f descriptor, n *node, below bool, err error) {
	f, err = file(c.arg(0))
	if err != nil {
		return f, nil, false, err
	}
	path, below := d.below(f.path)
	if !below {
		return f, nil, false, nil
	}
	if n = d.find(path); f.deleted {
		n = nil
		if open := d.opened[f.number]; open != nil {
			n = open.node
		}
	}
	if n == nil {
		return f, nil, true, fmt.Errorf("%s of %q, which is not known", c.name, path)
	}
	return f, n, true, nil
}

func (d *disk) makeFolder(c *call) (bool, error) {
	path, below, err := d.named(c, 0)
	if err != nil || !below || c.ended && c.failed() {
		return below, err
	}
	d.making[path] = !c.ended
	if c.ended && d.find(path) == nil { // else who opened it has shown that it was made
		_, err = d.made(path)
	}
	return true, err
}

// made makes a folder.
func (d *disk) made(path string) (*node, error) {
	folder, name, err := d.parent(path)
	if err != nil {
		return nil, err
	}
	n := newFolder()
	folder.change(&entry{add: name, node: n})
	return n, nil
}

func (d *disk) remove(c *call) (bool, error) {
	path, below, err := d.named(c, 0)
	if err != nil || !below || !c.ended || c.failed() {
		return below, err
	}
	folder, name, err := d.parent(path)
	if err != nil {
		return true, err
	}
	folder.change(&entry{remove: name})
	return true, nil
}

func (d *disk) rename(c *call) (bool, error) {
	from, below, err := d.named(c, 0)
	if err != nil || !c.ended || c.failed() {
		return below, err
	}
	second := 1
	if c.name != "rename" {
		second = 2
	}
	to, toBelow, err := d.named(c, second)
	switch {
	case err != nil:
		return true, err
	case below != toBelow:
		return true, fmt.Errorf("%w: rename into the tree or out of it", errNotModelled)
	case !below:
		return false, nil
	}
	folder, name, err := d.parent(from)
	if err != nil {
		return true, err
	}
	other, newName, err := d.parent(to)
	if err != nil {
		return true, err
	}
	if folder != other || folder.entries[name] == nil {
		return true, fmt.Errorf("%w: rename from folder to folder", errNotModelled)
	}
	folder.change(&entry{remove: name, add: newName, node: folder.entries[name]})
	return true, nil
}

// mmap passes the mappings that cannot write to a file, and those of the
// index of the write-ahead log: recovery makes a new one, so no image has it.
func (d *disk) mmap(c *call) (bool, error) {
	f, err := file(c.arg(4))
	if err != nil {
		return false, err
	}
	path, below := d.below(f.path)
	if below && !rebuilt(path) && strings.Contains(c.arg(2), "PROT_WRITE") && strings.Contains(c.arg(3), "MAP_SHARED") {
		return true, fmt.Errorf("%w: %q is written through memory", errNotModelled, path)
	}
	return false, nil
}

func rebuilt(path string) bool { return strings.HasSuffix(path, "-shm") }
