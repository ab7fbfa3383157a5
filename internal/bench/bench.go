// Package bench drives a hook endpoint with load. Its benchmarks, run by `task
// bench`, give the figures of docs/performance.md; command load drives a
// service that runs elsewhere on the machine.
package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Load is what a Driver sends.
type Load struct {
	// URL is the endpoint of a source with the verifier standard-webhooks and
	// the adapter push.
	URL    string
	Secret *verify.Secret
	TLS    *tls.Config
	// Connections is how many there are, each with one request at a time.
	Connections int
	// Names is how many secrets the events are spread over; they are named
	// NamePrefix and a number.
	Names      int
	NamePrefix string
	// RandomIDs makes the events' IDs random instead of rising with the time.
	RandomIDs bool
}

// Driver keeps the connections of a Load open between runs.
type Driver struct {
	load   Load
	client *http.Client
	sent   atomic.Int64
}

// NewDriver makes a Driver that speaks HTTP/1.1, so that a connection is a
// connection.
func NewDriver(load Load) *Driver {
	transport := &http.Transport{
		TLSClientConfig: load.TLS, MaxIdleConnsPerHost: load.Connections, MaxConnsPerHost: load.Connections,
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	return &Driver{load: load, client: &http.Client{Transport: transport}}
}

// Close closes the connections.
func (d *Driver) Close() { d.client.CloseIdleConnections() }

// Run sends n events and returns how long it took. Every answer must be 202:
// anything else ends the run with an error.
func (d *Driver) Run(ctx context.Context, n int) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var left atomic.Int64
	left.Store(int64(n))
	started := time.Now()
	var connections sync.WaitGroup
	for range d.load.Connections {
		connections.Go(func() {
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				if err := d.send(ctx); err != nil {
					cancel(err)
				}
			}
		})
	}
	connections.Wait()
	return time.Since(started), context.Cause(ctx)
}

func (d *Driver) send(ctx context.Context) error {
	number := d.sent.Add(1)
	event := hooks.Event{
		Secret:    d.load.NamePrefix + strconv.FormatInt(number%int64(d.load.Names), 10),
		Operation: hooks.Set, Value: newValue(),
	}
	defer event.Value.Wipe()
	body, err := adapters.EncodePush(event)
	if err != nil {
		return err
	}
	id, now := push.NewID(), time.Now()
	if d.load.RandomIDs {
		id = "msg_" + rand.Text()
	}
	signature, err := verify.SignV1(d.load.Secret, id, now, body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.load.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(verify.IDHeader, id)
	request.Header.Set(verify.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(verify.SignatureHeader, signature)
	response, err := d.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("hook was answered with %d: %s", response.StatusCode, answer)
	}
	return err
}

// newValue is a value as long as a generated password.
func newValue() *hooks.Value {
	return secretbytes.New([]byte(rand.Text()))
}
