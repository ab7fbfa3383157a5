// Package spool is a folder at the sender's in which sealed events wait for a
// service that is away, one for each endpoint and secret: a newer event of a
// secret takes the place of an older one. It holds no value: what is in it was
// sealed, and is signed only when it is sent.
//
//	DIR/waiting/NAME.json    an event that waits
//	DIR/lost/NAME.json       an event that the service will not take any more
//	DIR/recipients/NAME.jws  a recipient set, as the service signed it
//
// NAME is made of the endpoint and the secret's name. Files are written whole or
// not at all, and are on disk when a call returns nil. Processes share a folder
// by a lock on DIR/lock, which the system gives up with the process.
package spool

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/sealrelay/sealrelay/internal/durable"
)

// The bounds of a folder. Those of events count waiting and lost ones together.
const (
	// MaxEvents is how many events there may be.
	MaxEvents = 1000
	// MaxEventSize is how large one may be, in bytes.
	MaxEventSize = 24 << 20
	// MaxSize is how large they may be together, in bytes.
	MaxSize = 256 << 20
	// MaxSets is how many recipient sets are kept.
	MaxSets = 1000
)

// The classes in which a spool fails.
var (
	// ErrFull: there is no more room within the bounds.
	ErrFull = errors.New("the spool is full")
	// ErrSuperseded: a newer event of the secret is there.
	ErrSuperseded = errors.New("a newer event of the secret is in the spool")
	// ErrDamaged: a file in the spool is not what was written there.
	ErrDamaged = errors.New("a file in the spool is damaged")
)

// The folders.
const (
	waiting    = "waiting"
	lost       = "lost"
	recipients = "recipients"
)

// sweepAfter is how old a temporary file is that no live writer has.
const sweepAfter = time.Hour

// private is how everything in the spool looks.
var (
	privateDir  = durable.Options{Mode: 0o700}
	privateFile = durable.Options{Mode: 0o600}
)

// Spool is an open folder. It is safe for concurrent use, by processes too.
type Spool struct {
	dir  string
	root *os.Root
	lock *lockedfile.Mutex
}

// Open opens the folder, and makes it if it is not there, though not those above
// it. A folder in which others may write is refused: what is in it gets signed.
func Open(dir string) (*Spool, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	if err := checkOwner(dir); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	s := &Spool{dir: dir, root: root, lock: lockedfile.MutexAt(filepath.Join(dir, "lock"))}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), root.Close())
	}
	return s, nil
}

func (s *Spool) prepare() error {
	for _, dir := range []string{waiting, lost, recipients} {
		if err := durable.MkdirAll(s.root, dir, privateDir); err != nil {
			return err
		}
	}
	if _, err := durable.Sweep(s.root, time.Now().Add(-sweepAfter)); err != nil {
		return err
	}
	// The lock makes its file for all to read.
	lock, err := s.root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return lock.Close()
}

// Dir is the folder's path.
func (s *Spool) Dir() string { return s.dir }

// Close closes the folder.
func (s *Spool) Close() error { return s.root.Close() }

// locked calls do while no other process changes the folder.
func (s *Spool) locked(do func() error) error {
	unlock, err := s.lock.Lock()
	if err != nil {
		return fmt.Errorf("lock spool: %w", err)
	}
	defer unlock()
	return do()
}

// name is that of the file for a secret at an endpoint, without its ending.
func name(url, secret string) string {
	sum := sha256.Sum256([]byte(url + "\n" + secret)) // Neither has a newline.
	return hex.EncodeToString(sum[:16])
}

// read reads a file of at most so many bytes.
func (s *Spool) read(path string, most int64) ([]byte, error) {
	file, err := s.root.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%w: %s has more than %d bytes", ErrDamaged, filepath.Join(s.dir, path), most)
	}
	return data, err
}

// list are the files in a folder of the spool.
func (s *Spool) list(dir string) ([]fs.FileInfo, error) {
	entries, err := fs.ReadDir(s.root.FS(), dir)
	if err != nil {
		return nil, err
	}
	var out []fs.FileInfo
	for _, entry := range entries {
		info, err := entry.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // Another process sent it.
		case err != nil:
			return nil, err
		case info.Mode().IsRegular() && info.Name()[0] != '.': // Others are temporary files.
			out = append(out, info)
		}
	}
	return out, nil
}
