// Package state is an agent's folder: for each secret one file with the sealed
// copy, its statement, and the receipt that was given for it. No value is in it.
//
// A secret's file is replaced in one step, so that after a crash envelope and
// statement belong together, whichever version they are. Its name is the SHA-256
// of the secret's name: whatever a secret is called, and on whatever file system,
// it cannot lead elsewhere or meet another's file.
package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/internal/agent/private"
	"github.com/sealrelay/sealrelay/internal/durable"
	"github.com/sealrelay/sealrelay/internal/filelock"
)

var (
	// ErrNone is the error for a secret of which nothing ever came.
	ErrNone = errors.New("the agent has nothing of this secret")
	// ErrDamaged is the error for a record that cannot be read.
	ErrDamaged = errors.New("a record of the state folder is damaged; have the secret delivered again")
)

// MaxEnvelope is the largest envelope that is kept, in bytes.
const MaxEnvelope = 32 << 20

const (
	folderName = "secrets"
	suffix     = ".json"
	// maxRecord bounds a file: an envelope in base64, and what goes with it.
	maxRecord = MaxEnvelope/3*4 + 64<<10
)

var (
	privateDir  = durable.Options{Mode: 0o700}
	privateFile = durable.Options{Mode: 0o600}
)

// Record is what is kept of a secret.
type Record struct {
	// Statement is the signed statement as it came.
	Statement string `json:"statement"`
	// Envelope is the ciphertext as it came; empty if the secret was deleted.
	Envelope []byte `json:"envelope,omitempty"`
	// StoredAt is when it was durable here.
	StoredAt time.Time `json:"stored_at"`
	// Receipt is the signed receipt; empty until the actions have ended.
	Receipt string `json:"receipt,omitempty"`
}

// Folder is the state folder. It is safe for concurrent use, by other processes
// too: a reader sees the record before a change or the one after it.
type Folder struct {
	root *os.Root
	held *os.File
}

// errHeld says that two agents would answer for each other's versions.
var errHeld = errors.New("another agent works in it; stop that, or give this one a state_dir of its own")

// Open opens the folder for reading, while an agent may run.
func Open(dir string) (*Folder, error) {
	if err := private.CheckDir(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("state folder: %w; `sealrelay agent run` makes it", err)
	} else if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	return &Folder{root: root}, nil
}

// Hold makes the folder if only its last part is missing, and opens it for the
// one agent that may write to it. What a crash left half written is removed.
func Hold(dir string) (*Folder, error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	f, err := Open(dir)
	if err != nil {
		return nil, err
	}
	if f.held, err = filelock.Try(filepath.Join(dir, "lock")); errors.Is(err, filelock.ErrHeld) {
		err = errHeld
	}
	if err != nil {
		f.root.Close()
		return nil, fmt.Errorf("state folder: %w", err)
	}
	if err := durable.MkdirAll(f.root, folderName, privateDir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := durable.Sweep(f.root, time.Now()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func makeDir(dir string) error {
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer parent.Close()
	return durable.MkdirAll(parent, filepath.Base(dir), privateDir)
}

// Close gives the folder up; another agent may take it then.
func (f *Folder) Close() error {
	f.root.Close()
	if f.held == nil {
		return nil
	}
	return f.held.Close()
}

// Get returns the record of a secret, ErrNone or ErrDamaged.
func (f *Folder) Get(secret string) (Record, error) {
	record, err := f.read(nameOf(secret))
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, ErrNone
	}
	return record, err
}

// Put makes record the one of the secret. It is durable when Put returns nil; on
// an error the one before is still there, or this one is.
func (f *Folder) Put(secret string, record Record) error {
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return durable.WriteFile(f.root, nameOf(secret), data, privateFile)
}

// Remove forgets a secret; nil also if nothing is there.
func (f *Folder) Remove(secret string) error { return durable.Remove(f.root, nameOf(secret)) }

// All calls use with each record, and with the error of one that cannot be read;
// it stops at the first error that use returns.
func (f *Folder) All(use func(Record, error) error) error {
	folder, err := f.root.Open(folderName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	entries, err := folder.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), suffix) {
			continue
		}
		record, err := f.read(folderName + "/" + entry.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := use(record, err); err != nil {
			return err
		}
	}
	return nil
}

func (f *Folder) read(name string) (Record, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return Record{}, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxRecord+1))
	if err != nil {
		return Record{}, err
	}
	var record Record
	if len(data) > maxRecord || json.Unmarshal(data, &record) != nil || record.Statement == "" {
		return Record{}, fmt.Errorf("%w (%s)", ErrDamaged, name)
	}
	return record, nil
}

func nameOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return folderName + "/" + hex.EncodeToString(sum[:]) + suffix
}
