package azurekeyvault_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/azurekeyvault"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
)

// BenchmarkFleet has sixteen workers write 10,000 secrets to one vault that takes 300 in
// ten seconds, each until it is there: six minutes for -benchtime 1x. It tells the rate as
// a part of what the vault allows, how often it said 429, and the heap.
func BenchmarkFleet(b *testing.B) {
	const secrets, workers, allowed = 10_000, 16, 30.0
	for b.Loop() {
		w := newWorld(b, azuretest.Config{})
		var throttled atomic.Int64
		w.status = func(response *http.Response) {
			if response.StatusCode == http.StatusTooManyRequests {
				throttled.Add(1)
			}
		}
		d := w.open(b, azurekeyvault.Config{})
		next := make(chan int)
		began := time.Now()
		var group sync.WaitGroup
		for range workers {
			group.Go(func() {
				for i := range next {
					delivery := delivertest.Set(b, fmt.Sprintf("fleet/%d", i), 1, 1000)
					_, err := d.Deliver(b.Context(), delivery)
					for later, ok := errors.AsType[*deliver.LaterError](err); ok; later, ok = errors.AsType[*deliver.LaterError](err) {
						<-time.After(time.Until(later.At()))
						_, err = d.Deliver(b.Context(), delivery)
					}
					if err != nil {
						b.Error(err)
					}
				}
			})
		}
		most := uint64(0)
		for i := range secrets {
			next <- i
			if i%1000 == 0 {
				var stats runtime.MemStats
				runtime.ReadMemStats(&stats)
				most = max(most, stats.HeapInuse)
			}
		}
		close(next)
		group.Wait()
		took := time.Since(began)
		there := w.Secrets("relay")
		for i := range secrets {
			if there[sealed.Name(prefix, fmt.Sprintf("fleet/%d", i))].Value == "" {
				b.Errorf("write %d is lost", i)
			}
		}
		b.ReportMetric(secrets/took.Seconds(), "writes/s")
		b.ReportMetric(secrets/took.Seconds()/allowed, "of-allowed")
		b.ReportMetric(float64(throttled.Load()), "429s")
		b.ReportMetric(float64(most)/(1<<20), "MiB-heap")
	}
}
