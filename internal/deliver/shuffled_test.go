package deliver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/deliver/kinds"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// unruly is a way to a folder on which answers get lost, requests take up to a
// second, and each comes once more, up to a minute later. After each arrival it
// looks at what is there.
type unruly struct {
	t    *testing.T
	real deliver.Destination
	dir  string
	late sync.WaitGroup

	mu     sync.Mutex
	random *rand.Rand
	// there is the newest version of each secret that the folder confirmed.
	there map[string]int64
	// arrivals counts deliveries, shuffled those behind a newer version.
	arrivals, shuffled int
}

var errLost = errors.New("connection reset")

func (u *unruly) Deliver(_ context.Context, d outbox.Delivery) (string, error) {
	u.mu.Lock()
	took, again, lost := u.upTo(time.Second), u.upTo(time.Minute), u.random.IntN(4) == 0
	u.mu.Unlock()
	u.late.Go(func() {
		if err := u.arrive(d, again); err != nil {
			u.t.Error(err)
		}
	})
	if err := u.arrive(d, took); err != nil {
		return "", err
	}
	if lost {
		return "", errLost
	}
	return "", nil
}

func (u *unruly) upTo(d time.Duration) time.Duration { return time.Duration(u.random.Int64N(int64(d))) }

// arrive delivers after some time, whatever became of who asked for it.
func (u *unruly) arrive(d outbox.Delivery, after time.Duration) error {
	<-time.After(after)
	u.mu.Lock()
	before := u.there[d.Secret]
	u.arrivals++
	if d.Version < before {
		u.shuffled++
	}
	u.mu.Unlock()
	if _, err := u.real.Deliver(u.t.Context(), d); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if got := u.read(d.Secret); got < max(u.there[d.Secret], d.Version) {
		u.t.Errorf("%s is at version %d after version %d was there", d.Secret, got, max(u.there[d.Secret], d.Version))
	}
	u.there[d.Secret] = max(u.there[d.Secret], d.Version)
	return nil
}

// read is the version that the folder has of the secret.
func (u *unruly) read(secret string) int64 {
	envelope, err := os.ReadFile(filepath.Join(u.dir, "out", secret+".age"))
	if err != nil {
		u.t.Error(err)
	}
	mark, _, _ := bytes.Cut(envelope, []byte(" "))
	_, text, _ := bytes.Cut(mark, []byte("@"))
	version, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		u.t.Error(err)
	}
	return version
}

// neverBack checks that what the outbox says is there is not older than what it
// said before.
func (u *unruly) neverBack(box outbox.Outbox, before map[string]int64) {
	rows, err := box.List(u.t.Context(), outbox.Filter{})
	if err != nil {
		u.t.Fatal(err)
	}
	for _, d := range rows {
		if d.DeliveredVersion < before[d.Secret] {
			u.t.Errorf("outbox says that version %d of %s is there, after version %d", d.DeliveredVersion, d.Secret, before[d.Secret])
		}
		before[d.Secret] = d.DeliveredVersion
	}
}

// memoryDir is a folder in memory where the system has one, else on disk: six
// thousand deliveries sync four times each.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "sealrelay")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Ten thousand versions, with -short a tenth, go through the outbox and two dispatchers, each slower
// than its lease now and then, to a folder where they arrive late, twice and
// out of order. At no time does an older version take the place of a newer
// one, in the folder or in the outbox, and in the end the last ones are there.
func TestShuffledVersions(t *testing.T) {
	const secrets = 20
	versions := int64(500)
	if testing.Short() { // under the race detector
		versions = 50
	}
	bubble(t, func(t *testing.T) {
		r := openReal(t)
		u := &unruly{t: t, dir: memoryDir(t), random: rand.New(rand.NewPCG(1, 2)), there: map[string]int64{}}
		var err error
		u.real, err = kinds.New("file", kinds.Settings{Settings: deliver.Settings{
			Decode: func(into any) error { return yaml.Load([]byte("dir: out"), into) },
			Path:   func(name string) string { return filepath.Join(u.dir, name) },
		}})
		if err != nil {
			t.Fatal(err)
		}
		options := func(o *deliver.Options) {
			o.Resolve = func(string, string) (deliver.Destination, error) { return u, nil }
			o.Workers, o.PerDestination, o.BreakAfter = secrets, secrets, int(versions)
			o.Lease = time.Second // its end is now and then before that of an attempt
			o.Drain = time.Minute
			o.Schedule.First = 100 * time.Millisecond
		}
		delivered := map[string]int64{}
		stop := r.run(nil, options)
		stopOther := r.start(nil, options)
		for version := range versions {
			var senders sync.WaitGroup
			for i := range secrets {
				senders.Go(func() { commit(t, r.box, delivertest.Set(t, fmt.Sprint("s", i), version+1, 100)) })
			}
			senders.Wait()
			pass(300 * time.Millisecond)
			u.neverBack(r.box, delivered)
		}
		pass(time.Hour)
		u.late.Wait()
		for i := range secrets {
			secret := fmt.Sprint("s", i)
			row, err := r.box.Get(t.Context(), delivertest.Set(t, secret, versions, 100).Key)
			if err != nil || row.State != outbox.Delivered || row.DeliveredVersion != versions || u.read(secret) != versions {
				t.Errorf("%s is at version %d in the folder and %+v in the outbox (error %v)", secret, u.read(secret), row, err)
			}
		}
		stopOther()
		stop()
		t.Logf("%d versions, %d arrivals, %d of them behind a newer version", secrets*versions, u.arrivals, u.shuffled)
		if int64(u.arrivals) < secrets*versions || u.shuffled < u.arrivals/4 {
			t.Errorf("%d arrivals and %d out of order show too little", u.arrivals, u.shuffled)
		}
	})
}
