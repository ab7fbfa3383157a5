package gather_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/internal/gather"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// many sends the numbers below n, each from a goroutine of its own.
func many(n int, err error) func(context.Context, func(int)) error {
	return func(_ context.Context, send func(int)) error {
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() { send(i) })
		}
		group.Wait()
		return err
	}
}

func TestEach(t *testing.T) {
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		sum, n := 0, 0
		var last error
		for one, err := range gather.Each(t.Context(), many(100, want)) {
			if last = err; err == nil {
				sum, n = sum+one, n+1
			}
		}
		if n != 100 || sum != 4950 || !errors.Is(last, want) {
			t.Errorf("%d came, %d together, then %v; want %v", n, sum, last, want)
		}
	}
}

// TestStopped: whoever has enough leaves nothing running.
func TestStopped(t *testing.T) {
	for _, err := range gather.Each(t.Context(), many(100, nil)) {
		if err != nil {
			t.Error(err)
		}
		break
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n, ends := 0, error(nil)
	for _, err := range gather.Each(ctx, many(100, nil)) {
		if ends = err; err == nil {
			n++
			cancel()
		}
	}
	if n != 1 || !errors.Is(ends, context.Canceled) {
		t.Errorf("%d came, then %v", n, ends)
	}
}
