package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/directory"
)

// errChanged is the problem of what is not the file any more that it was a moment ago.
var errChanged = fmt.Errorf("%w: it was replaced while it was looked at", stores.ErrUnreadable)

// contents are what the files right in a folder have.
type contents struct {
	held
	// files are those with a certificate, otherwise those of them that the store kind
	// directory passes over for their names.
	files, otherwise int
	size             int64
}

func (c *contents) add(found held, name string, size int64) {
	c.privateKeys += found.privateKeys
	if found.certificates == 0 {
		return
	}
	c.certificates += found.certificates
	c.files++
	c.size += size
	if !directory.Counts(name) {
		c.otherwise++
	}
}

func (c *contents) about() map[string]string {
	about := map[string]string{
		"certificates": strconv.Itoa(c.certificates),
		"files":        strconv.Itoa(c.files),
		"private_keys": strconv.Itoa(c.privateKeys),
		"size":         strconv.FormatInt(c.size, 10),
	}
	if c.otherwise > 0 {
		about["named_otherwise"] = strconv.Itoa(c.otherwise)
	}
	return about
}

// file looks at a regular file: it yields a keystore, and adds certificates to what is
// known of the folder.
func (w *walk) file(root *os.Root, name, path string, here *contents) bool {
	file, info, err := open(root, name)
	if err != nil {
		return w.problem(path, err)
	}
	if file == nil {
		return true
	}
	defer file.Close()
	size := info.Size()
	data := make([]byte, min(size, headSize))
	defer func() { clear(data) }()
	if _, err := io.ReadFull(file, data); err != nil {
		return w.problem(path, err)
	}
	found := recognise(data, size)
	switch found.format {
	case pkcs12, jks, jceks:
		return w.yield(stores.Found{Kind: found.format.kind(), Path: path, About: found.about(size)}, nil)
	case other:
		return true
	}
	if size > maxWhole {
		if readPEM(data).certificates > 0 {
			return w.problem(path, fmt.Errorf("%w: it has certificates, and more than %d bytes", stores.ErrUnreadable, maxWhole))
		}
		return true
	}
	data, err = readRest(file, data, size)
	if err != nil {
		return w.problem(path, err)
	}
	if found.format == certificate {
		here.add(readDER(data), name, size)
	} else {
		here.add(readPEM(data), name, size)
	}
	return true
}

// open opens a regular file that has something in it; nil if it is none. What is in its
// place by then is neither followed nor waited for.
func open(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, nil, err
	}
	file, err := root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	opened, err := file.Stat()
	if err == nil && !os.SameFile(info, opened) {
		err = errChanged
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, opened, nil
}

// readRest returns the whole of a file of the size, of which head was read. It wipes
// head.
func readRest(file io.Reader, head []byte, size int64) ([]byte, error) {
	data := make([]byte, size)
	copied := copy(data, head)
	clear(head)
	if _, err := io.ReadFull(file, data[copied:]); err != nil {
		clear(data)
		return nil, err
	}
	return data, nil
}
