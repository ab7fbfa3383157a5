// Package file is the destination that drops envelopes into a folder: the
// secret a/b in format js7 becomes a/b.js7, its signed statement a/b.js7.jws.
//
// Each file is replaced in one step, so that a reader sees all of it or all of
// the one before. Of the pair the statement is replaced first: a reader that
// comes in between finds that its digest does not cover the envelope, and
// reads again. A delete leaves the statement, which says so, as a tombstone:
// by it a late delivery of an older version is known to be older.
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

	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/deliver"
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
	dir   string
	file  durable.Options
	made  durable.Options
	sweep sync.Once
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
	mode, err := parseMode("mode", config.Mode, 0o600)
	if err != nil {
		return nil, err
	}
	dirMode, err := parseMode("dir_mode", config.DirMode, 0o700)
	if err != nil {
		return nil, err
	}
	owner, err := parseOwner(config.Owner)
	if err != nil {
		return nil, err
	}
	return &Destination{
		dir:  filepath.Clean(settings.Path(config.Dir)),
		file: durable.Options{Mode: mode, Owner: owner},
		made: durable.Options{Mode: dirMode, Owner: owner},
	}, nil
}

// Place implements deliver.Placed: it is the folder.
func (d *Destination) Place() string { return "folder " + d.dir }

// Deliver implements deliver.Destination. What is in the way of the files, a
// folder or a symbolic link, is a final error; a full disk or a missing
// permission is not.
// No agent answers from a folder: there is no receipt.
func (d *Destination) Deliver(ctx context.Context, delivery outbox.Delivery) (receipt string, err error) {
	return "", d.deliver(ctx, delivery)
}

func (d *Destination) deliver(ctx context.Context, delivery outbox.Delivery) error {
	if err := hooks.CheckName(delivery.Secret); err != nil {
		return deliver.Final(err)
	}
	extension, err := extensionOf(delivery)
	if err != nil {
		return deliver.Final(err)
	}
	defer locks.lock(d.dir + "\x00" + delivery.Secret)()
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	d.sweep.Do(func() {
		// What cannot be swept does no harm: it is ciphertext that no reader
		// takes for an envelope.
		_, _ = durable.Sweep(root, started)
	})
	place, err := d.descend(root, delivery.Secret)
	if err != nil {
		return err
	}
	defer place.Close()
	return d.put(ctx, place, delivery, extension)
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

// put brings the files to the delivery's version, unless they are newer.
func (d *Destination) put(ctx context.Context, place *place, delivery outbox.Delivery, extension string) error {
	present, err := place.newest()
	if err != nil {
		return err
	}
	if newer, err := supersedes(present, delivery); newer || err != nil {
		return err
	}
	if err := place.clear(extension); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// Commit point of the version: with the statement in place no older
	// version is written any more. A crash before it leaves the old pair; a
	// crash after it leaves a statement that does not cover the envelope, or a
	// tombstone beside one, and the delivery, which was not settled, comes
	// again and finishes the pair.
	if err := durable.WriteFile(place.Root, place.statement(extension), []byte(delivery.Statement), d.file); err != nil {
		return err
	}
	// From here on a cancelled ctx is not heeded: two more short writes leave
	// the pair whole, stopping would leave it torn.
	if delivery.Operation == string(hooks.Delete) {
		return place.removeAll(extension, true)
	}
	if err := durable.WriteFile(place.Root, place.envelope(extension), delivery.Envelope, d.file); err != nil {
		return err
	}
	return place.removeAll(extension, false)
}

// supersedes says whether what is there is newer than the delivery.
func supersedes(present claims, delivery outbox.Delivery) (bool, error) {
	switch {
	case present.Version == 0:
		return false, nil
	case present.Secret != delivery.Secret:
		return false, conflict("the statement there is of another secret; names that differ in case only need folders of their own on this system")
	case present.Version <= delivery.Version:
		return false, nil
	}
	if issued := claimsOf([]byte(delivery.Statement)).IssuedAt; issued > present.IssuedAt {
		return false, conflict(fmt.Sprintf("version %d is there and was sealed before this version %d: the outbox was restored or replaced; "+
			"remove the secret's files, then retry the delivery", present.Version, delivery.Version))
	}
	return true, nil
}

// conflict is a failure that stays until somebody changes the folder.
func conflict(what string) error { return deliver.Final(errors.New(what)) }
