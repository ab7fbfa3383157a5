package sweep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/gather"
)

// The limits that a Config may not exceed.
const (
	maxTogether = 256
	maxRate     = 1000
)

// Config is what to go through, and how fast.
type Config struct {
	// Targets are hosts, addresses, host:port and CIDR ranges; see [Targets].
	Targets []string
	// Ports are those of targets that have none of their own.
	Ports []int
	// Timeout bounds the work on one address: 1ms to 1m.
	Timeout time.Duration
	// Together is how many addresses are worked on at once: 1 to 256.
	Together int
	// Rate is how many connections are begun in a second: 1 to 1000.
	Rate int
}

// Sweep goes through addresses. It is safe for concurrent use; the counts are those of
// all runs.
type Sweep struct {
	config           Config
	addresses        []string
	answered, closed atomic.Int64
	looked           atomic.Int64
}

// New checks the settings.
func New(config Config) (*Sweep, error) {
	addresses, err := Targets(config.Targets, config.Ports)
	if err != nil {
		return nil, err
	}
	switch {
	case config.Timeout < time.Millisecond || config.Timeout > time.Minute:
		return nil, errors.New("the time-out is not 1ms to 1m")
	case config.Together < 1 || config.Together > maxTogether:
		return nil, fmt.Errorf("not 1 to %d at once", maxTogether)
	case config.Rate < 1 || config.Rate > maxRate:
		return nil, fmt.Errorf("not 1 to %d connections a second", maxRate)
	}
	return &Sweep{config: config, addresses: addresses}, nil
}

// Progress is how many addresses were looked at, and how many there are.
func (s *Sweep) Progress() (done, total int) {
	return int(s.looked.Load()), len(s.addresses)
}

// Summary says in a line how many addresses there are and how many answered.
func (s *Sweep) Summary() string {
	answered, closed := s.answered.Load(), s.closed.Load()
	return fmt.Sprintf("%d addresses: %d answered, %d closed or silent, %d otherwise or not reached",
		len(s.addresses), answered, closed, int64(len(s.addresses))-answered-closed)
}

// Dialer connects to the address of a look once more or for the first time; the
// connection ends with ctx at the latest.
type Dialer func(ctx context.Context) (net.Conn, error)

// Each has look look at every address, and yields what it finds. look has the time-out
// for all it does; an error that dial gave it is to be in its own. An address that
// refuses the connection or is silent is counted and left out; any other error is
// yielded as the Problem of that address. The sequence ends with ctx's error.
func (s *Sweep) Each(ctx context.Context, kind string, look func(ctx context.Context, address string, dial Dialer) ([]stores.Found, error)) iter.Seq2[stores.Found, error] {
	return gather.Each(ctx, func(ctx context.Context, send func(stores.Found)) error {
		pace := rate.NewLimiter(rate.Limit(s.config.Rate), 1)
		var group errgroup.Group
		group.SetLimit(s.config.Together)
		for _, address := range s.addresses {
			if ctx.Err() != nil {
				break
			}
			group.Go(func() error {
				defer s.looked.Add(1)
				for _, f := range s.one(ctx, kind, address, pace, look) {
					send(f)
				}
				return nil
			})
		}
		return group.Wait()
	})
}

func (s *Sweep) one(ctx context.Context, kind, address string, pace *rate.Limiter, look func(context.Context, string, Dialer) ([]stores.Found, error)) []stores.Found {
	if pace.Wait(ctx) != nil {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	first := true
	answers := false
	var ends []func() bool
	defer func() {
		for _, end := range ends {
			end()
		}
	}()
	found, err := look(within, address, func(dialing context.Context) (net.Conn, error) {
		if !first {
			// Further connections to one host keep to the pace too.
			if err := pace.Wait(dialing); err != nil {
				return nil, err
			}
		}
		first = false
		connection, err := new(net.Dialer).DialContext(dialing, "tcp", address)
		if err != nil {
			return nil, err
		}
		answers = true
		// A server that is slow or endless is left, whatever is being read of it.
		ends = append(ends, context.AfterFunc(within, func() { _ = connection.Close() }))
		return connection, nil
	})
	switch {
	case ctx.Err() != nil:
		return nil
	case answers:
		s.answered.Add(1)
	case err != nil && silent(err):
		s.closed.Add(1)
		return nil
	}
	if err != nil {
		found = append(found, stores.Found{Kind: kind, Path: address, Problem: fmt.Errorf("%w: %w", stores.ErrUnreadable, err)})
	}
	return found
}

// silent reports whether nobody is there, which in a range is the usual; a name that
// cannot be resolved or a lack of our own is not that.
func silent(err error) bool {
	if name := (*net.DNSError)(nil); errors.As(err, &name) {
		return false
	}
	for _, none := range []error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ECONNRESET, context.DeadlineExceeded} {
		if errors.Is(err, none) {
			return true
		}
	}
	timeout := net.Error(nil)
	return errors.As(err, &timeout) && timeout.Timeout()
}
