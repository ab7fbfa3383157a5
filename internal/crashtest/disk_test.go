//go:build unix

package crashtest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// sector is what a disk writes in one piece, in bytes.
const sector = 512

// disk is what the system calls of a program make of the files below a folder:
// what is on the disk for certain, and what may be there or not when the power
// fails, because no sync was answered since.
//
// It is harsher than any real file system. Each change that is not synced is
// there, not there, or (a write) there in some of its sectors, whatever became
// of those before it; a name that was made, renamed or removed is so only
// after a sync of its folder, even if the file itself was synced.
type disk struct {
	root string
	top  *node
	// opened are the files behind the descriptors that write sequentially.
	opened map[int]*openFile
	// making are the folders whose making has begun, by path: another thread can
	// open one before the trace has the end of its making.
	making map[string]bool
	// began has the changes of calls that did not end yet, and for syncs how
	// much was done when they began.
	began  map[*call]*change
	covers map[*call]covered
	// seen are all files that ever were.
	seen []*node
	// syncs counts the answered syncs.
	syncs int
}

// node is a file or a folder.
type node struct {
	// entries are a folder's: those that its reader sees now.
	entries map[string]*node
	// kept are those that are on the disk for certain, renames the changes
	// since.
	kept    map[string]*node
	renames []*entry
	// data is what of a file is on the disk for certain, changes what was done
	// to it since.
	data    []byte
	changes []*change
}

func (n *node) folder() bool { return n.entries != nil }

func newFolder() *node { return &node{entries: map[string]*node{}, kept: map[string]*node{}} }

// entry is a change of a folder: names removed and a name added at once.
type entry struct {
	remove string
	add    string
	node   *node
	// synced and doubtful are as those of a change.
	synced, doubtful bool
}

// change is a change of a file's content: a write of data at offset, or a new
// length.
type change struct {
	node   *node
	offset int64
	data   []byte
	length int64 // of a truncation; -1 for a write
	// done says that the call has ended.
	done bool
	// synced says that a sync was answered that began after it, doubtful that
	// such a sync failed.
	synced, doubtful bool
}

type openFile struct {
	node   *node
	offset int64
	// sequential says that nothing but write moves the offset.
	sequential bool
}

// newDisk makes a disk with the folders below root that were there before.
func newDisk(root string, folders ...string) *disk {
	d := &disk{root: root, top: newFolder(), opened: map[int]*openFile{}, making: map[string]bool{}, began: map[*call]*change{}, covers: map[*call]covered{}}
	for _, name := range folders {
		made := newFolder()
		d.top.entries[name], d.top.kept[name] = made, made
	}
	return d
}

func (n *node) change(e *entry) {
	n.renames = append(n.renames, e)
	e.do(n.entries)
}

func (e *entry) do(entries map[string]*node) {
	if e.remove != "" {
		delete(entries, e.remove)
	}
	if e.add != "" {
		entries[e.add] = e.node
	}
}

// whole is data after the change.
func (w *change) whole(data []byte) []byte {
	if w.length >= 0 {
		return resize(data, w.length)
	}
	data = resize(data, max(int64(len(data)), w.offset+int64(len(w.data))))
	copy(data[w.offset:], w.data)
	return data
}

// torn is data after some sectors of the write reached the disk.
func (w *change) torn(data []byte, random *rand.Rand) []byte {
	if w.length >= 0 {
		return data
	}
	end := w.offset + int64(len(w.data))
	data = resize(data, max(int64(len(data)), end))
	for from := w.offset; from < end; {
		to := min((from/sector+1)*sector, end)
		if random.IntN(2) == 0 {
			copy(data[from:to], w.data[from-w.offset:to-w.offset])
		}
		from = to
	}
	return data
}

func resize(data []byte, length int64) []byte {
	if length <= int64(len(data)) {
		return data[:length]
	}
	return append(data, make([]byte, length-int64(len(data)))...)
}

// image writes what the disk may have after a power cut now to the folder.
func (d *disk) image(folder string, random *rand.Rand) error {
	// How much reached the disk by itself: sometimes nothing, sometimes all.
	kept := min(max(random.Float64()*1.6-0.3, 0), 1)
	return d.top.image(folder, kept, random)
}

func (n *node) image(path string, kept float64, random *rand.Rand) error {
	if !n.folder() {
		return os.WriteFile(path, n.draw(kept, random), 0o600)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	entries := map[string]*node{}
	for name, entry := range n.kept {
		entries[name] = entry
	}
	for _, e := range n.renames {
		if random.Float64() < kept {
			e.do(entries)
		}
	}
	for _, name := range sorted(entries) {
		if rebuilt(name) {
			continue
		}
		if err := entries[name].image(filepath.Join(path, name), kept, random); err != nil {
			return err
		}
	}
	return nil
}

// draw is a content that the file may have after a power cut.
func (n *node) draw(kept float64, random *rand.Rand) []byte {
	data := slices.Clone(n.data)
	for _, w := range n.changes {
		switch {
		case random.Float64() < kept:
			data = w.whole(data)
		case random.IntN(2) == 0:
			data = w.torn(data, random)
		}
	}
	return data
}

// content is what a reader sees now.
func (n *node) content() []byte {
	data := slices.Clone(n.data)
	for _, w := range n.changes {
		data = w.whole(data)
	}
	return data
}

// sorted makes the order of a map's keys, and so the drawing, repeatable.
func sorted(entries map[string]*node) []string {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
