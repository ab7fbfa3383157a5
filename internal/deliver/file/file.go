// Package file is the destination that drops envelopes into a folder, laid out
// as package layout says.
//
// Each file is replaced in one step, so that a reader sees all of it or all of
// the one before.
//
// Nothing is written outside the folder, whatever a secret is called and
// whatever symbolic links somebody put there.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/layout"
	"github.com/sealrelay/sealrelay/internal/durable"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// started tells temporary files of earlier runs, which are stale, from those
// that this process is writing.
var started = time.Now()

// Destination is a folder. It is safe for concurrent use; two that write to
// one folder take turns at each secret within a process. Processes do not
// exclude each other: there it is the outbox's lease that keeps one delivery
// from being made twice at once.
type Destination struct {
	dir  string
	file durable.Options
	made durable.Options
	// js7File: envelopes of format js7 are laid out in file mode too.
	js7File bool
	sweep   sync.Once
}

// New makes the destination of its part of the configuration.
func New(settings deliver.Settings) (deliver.Destination, error) {
	var config Config
	if err := settings.Decode(&config); err != nil {
		return nil, err
	}
	if config.Dir == "" {
		return nil, errors.New("dir is missing: name the folder to write to")
	}
	mode, err := layout.ParseMode("mode", config.Mode, 0o600)
	if err != nil {
		return nil, err
	}
	dirMode, err := layout.ParseMode("dir_mode", config.DirMode, 0o700)
	if err != nil {
		return nil, err
	}
	owner, err := ParseOwner(config.Owner)
	if err != nil {
		return nil, err
	}
	return &Destination{
		dir:  filepath.Clean(settings.Path(config.Dir)),
		file: durable.Options{Mode: mode, Owner: owner},
		made: durable.Options{Mode: dirMode, Owner: owner},

		js7File: config.JS7File,
	}, nil
}

// At is the destination of a folder whose files and folders are their owner's
// alone.
func At(dir string) *Destination {
	return &Destination{dir: filepath.Clean(dir), file: durable.Options{Mode: 0o600}, made: durable.Options{Mode: 0o700}}
}

// Place implements deliver.Placed: it is the folder.
func (d *Destination) Place() string { return "folder " + d.dir }

// Deliver implements deliver.Destination. What is in the way of the files, a
// folder or a symbolic link, is a final error; a full disk or a missing
// permission is not.
// No agent answers from a folder: there is no receipt.
func (d *Destination) Deliver(ctx context.Context, delivery outbox.Delivery) (receipt string, err error) {
	_, err = d.Bring(ctx, delivery)
	return "", err
}

// Bring is Deliver for a caller that asks which version is there afterwards:
// the delivery's, or a newer one.
func (d *Destination) Bring(ctx context.Context, delivery outbox.Delivery) (version int64, err error) {
	place, err := layout.PlaceOf(delivery)
	if err != nil {
		return 0, err
	}
	if d.js7File {
		place = place.WithJS7File()
	}
	unlock, err := layout.Lock(ctx, d.Place(), delivery.Secret)
	if err != nil {
		return 0, err
	}
	defer unlock()
	root, err := d.open()
	if err != nil {
		return 0, err
	}
	defer root.Close()
	d.sweep.Do(func() {
		// What cannot be swept does no harm: it is ciphertext that no reader
		// takes for an envelope.
		_, _ = durable.Sweep(root, started)
	})
	folder, err := d.descend(root, place.Folders)
	if err != nil {
		return 0, err
	}
	defer folder.Close()
	return place.Put(ctx, folder)
}

// open opens the folder and makes it if only its last part is missing: a
// whole path that is missing is more likely a mistake, or not mounted.
func (d *Destination) open() (*os.Root, error) {
	root, err := os.OpenRoot(d.dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return root, err
	}
	parent, err := os.OpenRoot(filepath.Dir(d.dir))
	if err != nil {
		return nil, fmt.Errorf("folder above dir: %w; make it or mend dir", err)
	}
	defer parent.Close()
	if err := durable.MkdirAll(parent, filepath.Base(d.dir), d.made); err != nil {
		return nil, err
	}
	return parent.OpenRoot(filepath.Base(d.dir))
}
