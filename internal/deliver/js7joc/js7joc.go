// Package js7joc is the destination that writes envelopes into a Job Resource of a
// JS7 JOC Cockpit, each as an argument whose expression is the envelope in quotes,
// and deploys it.
//
// Beside each argument stands another, whose name ends with _statement: the signed
// statement, by which an older version is known to be older, and which stays when
// the secret is deleted. Everything else of the Job Resource is kept as it was. The
// JOC Cockpit replaces a Job Resource whole and checks no version: it is read again
// right before and after it is stored, and written again if it is not as expected.
// What somebody else stores between that last look and the write is lost; what they
// store over ours within the time that it is to settle is found, and ours written
// again.
package js7joc

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/js7joc"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

const (
	// writes is how often a Job Resource is written that others change meanwhile.
	writes = 5
	// seenWithin is how long a deployment may take to be seen.
	seenWithin = time.Minute
	// lookEvery is the time between two looks whether it is there.
	lookEvery = 200 * time.Millisecond
	// refusedFor is how long a refused login or a missing permission is left alone.
	refusedFor = 15 * time.Minute
	// together is how many changes are written in one go at most.
	together = 200
)

// Destination is a Job Resource. It is safe for concurrent use: what is to be
// delivered while it is being written is written in one go afterwards.
type Destination struct {
	config Config
	client *js7joc.Client

	// turn is held by whoever writes.
	turn chan struct{}
	mu   sync.Mutex
	// waiting are the changes that the next one to write takes along.
	waiting []*change
}

// change is a delivery that is to be written.
type change struct {
	outbox.Delivery
	ctx  context.Context
	done chan struct{}
	// err is set before done is closed.
	err error
}

// New makes the destination of its part of the configuration.
func New(settings deliver.Settings) (deliver.Destination, error) {
	d := &Destination{turn: make(chan struct{}, 1)}
	if err := settings.Decode(&d.config); err != nil {
		return nil, err
	}
	if err := d.config.check(); err != nil {
		return nil, err
	}
	var err error
	d.client, err = d.config.Access.Client(settings.Path, settings.ReadSecret)
	return d, err
}

// Place implements deliver.Placed.
func (d *Destination) Place() string { return d.config.Access.URL + " " + d.config.JobResource }

// Deliver implements deliver.Destination. It returns once the controllers have the
// argument. A change that cannot be written, as its envelope is not text, is final;
// a refused login and a missing permission are left alone for a quarter of an hour.
func (d *Destination) Deliver(ctx context.Context, delivery outbox.Delivery) (receipt string, err error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if _, err := d.config.expressions(delivery); err != nil {
		return "", deliver.Final(err)
	}
	mine := &change{Delivery: delivery, ctx: ctx, done: make(chan struct{})}
	d.mu.Lock()
	d.waiting = append(d.waiting, mine)
	d.mu.Unlock()
	select {
	case <-mine.done:
		return "", mine.err
	case <-ctx.Done():
		d.withdraw(mine)
		return "", ctx.Err()
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	}
	for {
		select {
		case <-mine.done: // By the one before, or in the loop's last round.
			return "", mine.err
		default:
			d.writeTogether(ctx, d.take())
		}
	}
}

// take takes the changes that wait, those that came first.
func (d *Destination) take() []*change {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(d.waiting), together)
	taken := slices.Clone(d.waiting[:n])
	d.waiting = slices.Delete(d.waiting, 0, n)
	return taken
}

// withdraw takes a change back that nobody has taken.
func (d *Destination) withdraw(mine *change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = slices.DeleteFunc(d.waiting, func(c *change) bool { return c == mine })
}

// errCut says that whoever wrote for several was stopped.
var errCut = errors.New("the delivery that wrote this one with it was stopped")

// writeTogether writes the changes and tells each what became of it. ctx is that of
// one of them.
func (d *Destination) writeTogether(ctx context.Context, changes []*change) {
	err := d.write(ctx, changes)
	for _, c := range changes {
		switch {
		case c.err != nil || err == nil:
		case ctx.Err() == nil:
			c.err = err
		case c.ctx == ctx:
			c.err = ctx.Err()
		default:
			c.err = errCut
		}
		close(c.done)
	}
}

// write logs in, brings the changes there, and logs out.
func (d *Destination) write(ctx context.Context, changes []*change) error {
	session, err := d.client.Login(ctx)
	if err != nil {
		return judge(err)
	}
	defer session.Logout(ctx)
	for range writes {
		outcome, err := d.store(ctx, session, changes)
		if err != nil {
			return judge(err)
		}
		if outcome == overtaken {
			continue
		}
		if outcome == unchanged {
			if there, err := d.deployed(ctx, session); err != nil || there {
				return judge(err)
			}
		}
		if err := session.Deploy(ctx, d.config.JobResource, d.config.Controllers, d.config.Comment); err != nil {
			return judge(err)
		}
		there, err := d.seen(ctx, session, changes)
		if err == nil && there {
			there, err = d.settled(ctx, session, changes)
		}
		if err != nil || there {
			return judge(err)
		}
	}
	return fmt.Errorf("others changed the Job Resource each of %d times that it was written", writes)
}

// judge says when an error is worth another attempt.
func judge(err error) error {
	if refused, ok := errors.AsType[*js7joc.Error](err); ok && refused.Lasting() {
		return deliver.After(err, time.Now().Add(refusedFor))
	}
	if errors.Is(err, js7joc.ErrInvalid) {
		return deliver.After(err, time.Now().Add(refusedFor))
	}
	return err
}

// outcome is what became of the draft.
type outcome int

const (
	// stored: it has the changes.
	stored outcome = iota
	// unchanged: it had them already.
	unchanged
	// overtaken: somebody else changed it meanwhile; it has to be looked at anew.
	overtaken
)

// store brings the changes into the draft.
func (d *Destination) store(ctx context.Context, session *js7joc.Session, changes []*change) (outcome, error) {
	before, err := d.read(ctx, session)
	if err != nil {
		return 0, err
	}
	after := d.config.apply(before.Configuration, changes)
	if after.Equal(before.Configuration) {
		return unchanged, nil
	}
	again, err := d.read(ctx, session)
	if err != nil {
		return 0, err
	}
	if !again.Configuration.Equal(before.Configuration) {
		return overtaken, nil
	}
	// Commit point of the draft. What others store between the read above and this
	// write is lost: the JOC Cockpit checks no version.
	err = session.Store(ctx, d.config.JobResource, after, d.config.Comment)
	if refused, ok := errors.AsType[*js7joc.Error](err); ok && refused.Concurrent() {
		return overtaken, nil
	}
	return stored, err
}

// deployed says whether every controller has what the inventory has.
func (d *Destination) deployed(ctx context.Context, session *js7joc.Session) (bool, error) {
	for _, controller := range d.config.Controllers {
		now, err := session.Read(ctx, d.config.JobResource, controller)
		if err != nil || !now.InSync() {
			return false, err
		}
	}
	return true, nil
}

// read reads the Job Resource; one without a path if there is none and it is to be
// made.
func (d *Destination) read(ctx context.Context, session *js7joc.Session) (*js7joc.Resource, error) {
	found, err := session.Read(ctx, d.config.JobResource, "")
	if refused, ok := errors.AsType[*js7joc.Error](err); ok && refused.Code == js7joc.CodeNotFound {
		if d.config.Create {
			return &js7joc.Resource{}, nil
		}
		return nil, fmt.Errorf("%w; make it, or set create: true", err)
	}
	return found, err
}

// seen waits until the controllers have what the changes ask for. It returns false
// if the Job Resource says something else meanwhile.
func (d *Destination) seen(ctx context.Context, session *js7joc.Session, changes []*change) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, seenWithin)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for _, controller := range d.config.Controllers {
		for {
			now, err := session.Read(ctx, d.config.JobResource, controller)
			if err != nil {
				return false, err
			}
			if !d.config.apply(now.Configuration, changes).Equal(now.Configuration) {
				return false, nil
			}
			if now.InSync() {
				break
			}
			if err := d.deploying(ctx, session, controller); err != nil {
				return false, err
			}
			select {
			case <-look.C:
			case <-ctx.Done():
				return false, fmt.Errorf("controller %s was not seen to have the Job Resource within %v: the JOC Cockpit drops a deployment without a word where the controller's ID is not known, or the account may not deploy to it", controller, seenWithin)
			}
		}
	}
	return true, nil
}

// settled looks once more when somebody who read the Job Resource before it was
// stored has had the time to store it over that. It returns false if they did.
func (d *Destination) settled(ctx context.Context, session *js7joc.Session, changes []*change) (bool, error) {
	wait := time.NewTimer(d.config.Settle)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	now, err := session.Read(ctx, d.config.JobResource, "")
	if err != nil {
		return false, err
	}
	return d.config.apply(now.Configuration, changes).Equal(now.Configuration), nil
}

// deploying is an error if the controller has refused the deployment.
func (d *Destination) deploying(ctx context.Context, session *js7joc.Session, controller string) error {
	refused, err := session.Refused(ctx, d.config.JobResource, path.Dir(d.config.JobResource), controller)
	if err != nil || !refused {
		return err
	}
	return deliver.After(fmt.Errorf("controller %s refused the deployment; the JOC Cockpit's deployment history says why", controller), time.Now().Add(refusedFor))
}
