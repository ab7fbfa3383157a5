package https_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
)

// perHost is what the documents promise.
const perHost = 16

// The destinations of many agents on one host share its places, and a delivery
// that waits for one heeds its context.
func TestRequestsToAHostAreBounded(t *testing.T) {
	var running, most atomic.Int64
	arrived, leave := make(chan struct{}, 10*perHost), make(chan struct{})
	server, dir := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		now := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		arrived <- struct{}{}
		<-leave
	}))
	destinations := []deliver.Destination{to(t, server.URL, dir, ""), to(t, server.URL+"/other", dir, "")}
	var group sync.WaitGroup
	for i := range 3 * perHost {
		group.Go(func() {
			if _, err := destinations[i%2].Deliver(t.Context(), delivertest.Set(t, "prod/db", 1, 100)); err != nil {
				t.Error(err)
			}
		})
	}
	for range perHost {
		<-arrived
	}
	other, otherDir := serve(t, newAgent())
	if err := deliverOne(t, to(t, other.URL, otherDir, "")); err != nil {
		t.Errorf("another host: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() {
		_, err := destinations[0].Deliver(ctx, delivertest.Set(t, "prod/db", 1, 100))
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("a delivery that waits for its turn ended with %v", err)
	}
	close(leave)
	group.Wait()
	if most.Load() != perHost {
		t.Errorf("%d requests were under way at once, want %d", most.Load(), perHost)
	}
}
