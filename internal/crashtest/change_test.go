//go:build unix

package crashtest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

func (d *disk) write(c *call) (bool, error) {
	if done, err := d.finish(c); done || err != nil {
		return true, err
	}
	f, n, below, err := d.target(c)
	if !below || err != nil {
		return below, err
	}
	data, err := content(c.arg(1))
	if err != nil {
		return true, err
	}
	w := &change{node: n, data: data, length: -1}
	if c.name == "pwrite64" {
		if w.offset, err = strconv.ParseInt(c.arg(3), 10, 64); err != nil {
			return true, err
		}
	} else {
		open := d.opened[f.number]
		if open == nil || !open.sequential {
			return true, fmt.Errorf("%w: write where the offset is not known", errNotModelled)
		}
		w.offset = open.offset
		open.offset += int64(len(data))
	}
	return true, d.begin(c, w)
}

func (d *disk) truncate(c *call) (bool, error) {
	if done, err := d.finish(c); done || err != nil {
		return true, err
	}
	_, n, below, err := d.target(c)
	if !below || err != nil {
		return below, err
	}
	length, err := strconv.ParseInt(c.arg(1), 10, 64)
	if err != nil || length < 0 {
		return true, errors.New("no length")
	}
	return true, d.begin(c, &change{node: n, length: length})
}

// maxFile is far more than any file of a run has, in bytes.
const maxFile = 1 << 30

// begin adds a change. From the moment that its call began the disk may have
// it, or a part of it.
func (d *disk) begin(c *call, w *change) error {
	if c.ended && c.failed() {
		return nil
	}
	if w.offset < 0 || w.offset > maxFile || w.length > maxFile || w.node.folder() {
		return fmt.Errorf("%s cannot be what the service did", c.name)
	}
	w.node.changes = append(w.node.changes, w)
	if !c.ended {
		d.began[c] = w
		return nil
	}
	return w.end(c)
}

// finish ends the change of a call that began on an earlier line.
func (d *disk) finish(c *call) (bool, error) {
	w := d.began[c.begun]
	if c.begun == nil || w == nil {
		return false, nil
	}
	delete(d.began, c.begun)
	if c.failed() {
		w.node.changes = slices.DeleteFunc(w.node.changes, func(other *change) bool { return other == w })
		return true, nil
	}
	return true, w.end(c)
}

func (w *change) end(c *call) error {
	w.done = true
	if w.length >= 0 {
		return nil
	}
	if c.ret != int64(len(w.data)) {
		return fmt.Errorf("%w: a write of %d bytes of %d", errNotModelled, c.ret, len(w.data))
	}
	return nil
}

// sync makes durable what was done before the sync began, once it is answered.
func (d *disk) sync(c *call) (bool, error) {
	at := c
	if c.begun != nil {
		at = c.begun
	} else {
		_, n, below, err := d.target(c)
		if !below || err != nil {
			return below, err
		}
		cover := covered{node: n, renames: slices.Clone(n.renames)}
		for _, w := range n.changes {
			if w.done {
				cover.changes = append(cover.changes, w)
			}
		}
		d.covers[c] = cover
	}
	cover, below := d.covers[at]
	if !c.ended || !below {
		return below, nil
	}
	delete(d.covers, at)
	if c.failed() {
		cover.doubt()
		return true, nil
	}
	d.syncs++
	cover.keep()
	return true, nil
}

// doubt is for a sync that failed. It promises nothing of what was written
// before it: the kernel may have dropped that and calls the pages clean, so
// that no later sync brings it back.
func (c covered) doubt() {
	for _, w := range c.changes {
		w.doubtful = true
	}
	for _, e := range c.renames {
		e.doubtful = true
	}
}

func (c covered) keep() {
	for _, w := range c.changes {
		if w.synced = !w.doubtful; w.synced {
			c.node.data = w.whole(c.node.data)
		}
	}
	for _, e := range c.renames {
		if e.synced = !e.doubtful; e.synced {
			e.do(c.node.kept)
		}
	}
	c.node.changes = slices.DeleteFunc(c.node.changes, func(w *change) bool { return w.synced })
	c.node.renames = slices.DeleteFunc(c.node.renames, func(e *entry) bool { return e.synced })
}

// covered is what a sync reaches: what was done when it began.
type covered struct {
	node    *node
	changes []*change
	renames []*entry
}
