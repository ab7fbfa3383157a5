// Package sftp is the destination that writes envelopes into a folder of another
// host over SSH, laid out as package layout says. It needs the server's SFTP
// subsystem and no shell (draft-ietf-secsh-filexfer-02, version 3, which is what
// OpenSSH speaks).
//
// The host is always verified by a file of known hosts, before anything is sent
// to it. Envelope and statement are both written to temporary files of the same
// folder, with mode and owner, and synced where the server offers
// fsync@openssh.com; then posix-rename@openssh.com puts them into place one
// after the other. So a connection that is cut while they are written leaves the
// old pair; cut between the two renames it leaves a statement that does not
// cover the envelope, and the next attempt finishes the pair.
//
// SFTP has no way to sync a folder: a host that loses its power within seconds
// of a delivery may come back with the old pair.
package sftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/layout"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// commitFor bounds the renames that put a pair into place.
const commitFor = 5 * time.Second

// Destination is a folder of an SSH server. It is safe for concurrent use; two
// that write to one folder take turns at each secret within a process.
type Destination struct {
	address, user, dir string
	knownHosts         string
	login              login
	dressing           dressing
	pool               *pool

	mu sync.Mutex
	// swept is when temporary files were looked for in a folder.
	swept map[string]time.Time
}

// New makes the destination of its part of the configuration. It connects to
// nothing, but the host must be known.
func New(settings deliver.Settings) (deliver.Destination, error) {
	var config Config
	if err := settings.Decode(&config); err != nil {
		return nil, err
	}
	d, err := config.destination(settings)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (c *Config) destination(settings deliver.Settings) (*Destination, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	dressing, err := c.dressing()
	if err != nil {
		return nil, err
	}
	login, err := c.newLogin(settings)
	if err != nil {
		return nil, err
	}
	d := &Destination{
		address: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), user: c.User, dir: c.Dir,
		knownHosts: settings.Path(c.KnownHostsFile), login: login, dressing: dressing, swept: map[string]time.Time{},
	}
	d.pool = newPool(d.connect)
	_, err = readKnown(d.knownHosts, d.address)
	return d, err
}

// Place implements deliver.Placed: it is the folder as the user sees it.
func (d *Destination) Place() string {
	return fmt.Sprintf("folder %s of %s at %s", d.dir, d.user, d.address)
}

// Deliver implements deliver.Destination. Final is what is in the way of the
// files, and a server that cannot replace a file in one step. [ErrHostKey],
// [ErrAuthentication], a missing permission and a full disk are not: an operator
// of the host mends them while the schedule runs. No agent answers from a
// folder: there is no receipt.
func (d *Destination) Deliver(ctx context.Context, delivery outbox.Delivery) (receipt string, err error) {
	place, err := layout.PlaceOf(delivery)
	if err != nil {
		return "", err
	}
	unlock, err := layout.Lock(ctx, d.Place(), delivery.Secret)
	if err != nil {
		return "", err
	}
	defer unlock()
	for {
		session, reused, err := d.pool.take(ctx)
		if err != nil {
			return "", err
		}
		err = d.put(ctx, session, place)
		lost := errors.Is(err, errLost)
		d.pool.give(session, !lost && ctx.Err() == nil)
		// A server may have ended a kept session long ago.
		if !lost || !reused || ctx.Err() != nil {
			return "", or(ctx, err)
		}
	}
}

func (d *Destination) put(ctx context.Context, session *session, place *layout.Place) error {
	session.answers.refill()
	stop := context.AfterFunc(ctx, session.close)
	defer stop()
	folder, err := d.descend(session, place.Folders)
	if err != nil {
		return err
	}
	// What is to be committed has a time of its own, so that a ctx that ends in
	// between does not tear the pair.
	folder.commit = func() error {
		if !stop() {
			return ctx.Err()
		}
		folder.timer = time.AfterFunc(commitFor, session.close)
		return nil
	}
	_, err = place.Put(ctx, folder)
	if folder.timer != nil {
		folder.timer.Stop()
	}
	return err
}
