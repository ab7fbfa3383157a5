// Package layout is how envelopes lie in a folder, whichever way the folder is
// reached: the secret a/b in format js7 is a/b.js7, its signed statement
// a/b.js7.jws.
//
// Of the pair the statement is replaced first: a reader that comes in between
// finds that its digest does not cover the envelope, and reads again. A delete
// leaves the statement, which says so, as a tombstone: by it a late delivery of
// an older version is known to be older.
//
// Where it is asked for, a/b.js7file has the envelope in JS7's file mode. It is replaced
// last, and a reader sees by its first 21 characters, which are those of the value in
// a/b.js7 too, whether it goes with that.
package layout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/js7"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Folder is the one that a secret's files are in. A name is that of an entry.
type Folder interface {
	// Look says what the names are of, in their order, and nil for those that
	// are of nothing. It follows no symbolic link.
	Look(names []string) ([]fs.FileInfo, error)
	// Read returns the content of a file, at most limit bytes of it.
	Read(name string, limit int64) ([]byte, error)
	// Replace makes the files what is there, one after the other, each whole and
	// in one step.
	Replace(files []File) error
	// Remove removes an entry.
	Remove(name string) error
}

// File is what a file is to be.
type File struct {
	Name string
	Data []byte
}

// Put brings the files in the folder of the place to the delivery's version,
// unless they are newer. It returns the version that is there then. What is in
// the way is a final error.
func (p *Place) Put(ctx context.Context, folder Folder) (version int64, err error) {
	there, err := p.look(folder)
	if err != nil {
		return 0, err
	}
	present, err := newest(folder, there)
	if err != nil {
		return 0, err
	}
	if newer, err := supersedes(present, p.delivery); newer || err != nil {
		return present.Version, err
	}
	files, err := p.files(there)
	if err != nil {
		return present.Version, err
	}
	if err := ctx.Err(); err != nil {
		return present.Version, err
	}
	// Commit point of the version: with the statement in place no older
	// version is written any more. A crash before it leaves the old pair; a
	// crash after it leaves a statement that does not cover the envelope, or a
	// tombstone beside one, and the delivery, which was not settled, comes
	// again and finishes the pair.
	if err := folder.Replace(files); err != nil {
		return present.Version, err
	}
	// From here on a cancelled ctx is not heeded: what is left to do is short
	// and leaves one pair, stopping would leave two.
	return p.delivery.Version, removeOthers(folder, there, files)
}

// look says what there is of the pairs of all formats, by name.
func (p *Place) look(folder Folder) (map[string]fs.FileInfo, error) {
	names := []string{p.name + js7FileSuffix}
	for _, format := range formats.All {
		names = append(names, p.name+format.Extension, p.name+format.Extension+statementSuffix)
	}
	infos, err := folder.Look(names)
	if err != nil {
		return nil, err
	}
	there := map[string]fs.FileInfo{}
	for i, info := range infos {
		if info != nil {
			there[names[i]] = info
		}
	}
	return there, nil
}

// files are those that the version has, whose names are free or taken by files.
func (p *Place) files(there map[string]fs.FileInfo) ([]File, error) {
	envelope := p.name + p.extension
	for _, name := range []string{envelope + statementSuffix, envelope, p.name + js7FileSuffix} {
		if info := there[name]; info != nil && !info.Mode().IsRegular() {
			return nil, conflict(fmt.Sprintf("%q is a %s where a file should be; remove it, then retry the delivery", name, kind(info)))
		}
	}
	files := []File{{envelope + statementSuffix, []byte(p.delivery.Statement)}}
	if p.delivery.Operation == string(hooks.Delete) {
		return files, nil
	}
	files = append(files, File{envelope, p.delivery.Envelope})
	if !p.js7File || p.delivery.Format != js7.Format.Name {
		return files, nil
	}
	text, err := js7.AsFile(p.delivery.Envelope)
	if err != nil {
		return nil, deliver.Final(fmt.Errorf("the envelope in file mode: %w", err))
	}
	return append(files, File{p.name + js7FileSuffix, text}), nil
}

// removeOthers removes what the version has no use for: the pairs of other
// formats, and on a delete the envelope.
func removeOthers(folder Folder, there map[string]fs.FileInfo, files []File) error {
	for _, file := range files {
		delete(there, file.Name)
	}
	for name, info := range there {
		if info.IsDir() {
			continue
		}
		if err := folder.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// conflict is a failure that stays until somebody changes the folder.
func conflict(what string) error { return deliver.Final(errors.New(what)) }

// NoFolder is the final error of an entry that is something else where a folder
// should be.
func NoFolder(name string, info fs.FileInfo) error {
	return conflict(fmt.Sprintf("%q is a %s where a folder should be; remove it, then retry the delivery", name, kind(info)))
}

// kind is what is in the way, in words.
func kind(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return "folder"
	case mode.IsRegular():
		return "file"
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	}
	return "special file"
}

// extensionOf is what the name of the delivery's envelope ends with. A delete
// for an agent whose key is gone has no format; its tombstone counts whatever
// its extension is.
func extensionOf(delivery outbox.Delivery) (string, error) {
	if delivery.Format == "" && delivery.Operation == string(hooks.Delete) {
		return formats.All[0].Extension, nil
	}
	format, err := formats.ByName(delivery.Format)
	return format.Extension, err
}
