//go:build unix

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent/kept"
	"github.com/sealrelay/sealrelay/internal/agent/state"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// maxCaptured bounds how many deliveries a replayer remembers.
const maxCaptured = 300

// replayer stands for a network that repeats and reorders: it sends the agent that
// is pushed to what that agent took before, with the service's certificate. The
// service by itself would rarely send what a newer version has replaced.
type replayer struct {
	agent    *siteAgent
	url      string
	client   *http.Client
	captured []wire.Delivery
	// repeated and older count the answers for the version that was there, and
	// for an older one.
	repeated, older int
	// enough is closed when there was one of each.
	enough chan struct{}
	once   sync.Once
}

func newReplayer(t *testing.T, s *site) *replayer {
	t.Helper()
	service := filepath.Join(s.dir, "service")
	shown, err := tls.LoadX509KeyPair(filepath.Join(service, "client.crt"), filepath.Join(service, "client.key"))
	if err != nil {
		t.Fatal(err)
	}
	a := s.agent("pushed")
	certificate, err := os.ReadFile(filepath.Join(a.dir, "tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	return &replayer{agent: a, url: "https://" + a.config(t).Receive.Listen + "/v1/deliveries", client: trusting(t, certificate, shown), enough: make(chan struct{})}
}

// run captures and replays until ctx ends.
func (r *replayer) run(ctx context.Context, t *testing.T) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := r.capture(t, siteSecret(rand.IntN(siteSecrets))); err != nil {
			return err
		}
		if len(r.captured) == 0 {
			continue
		}
		if err := r.replay(ctx, r.captured[rand.IntN(len(r.captured))]); err != nil {
			return err
		}
	}
}

// capture remembers what the agent has of a secret, in place of another if there
// are many.
func (r *replayer) capture(t *testing.T, secret string) error {
	copies, err := kept.Load(r.agent.config(t))
	if errors.Is(err, os.ErrNotExist) {
		return nil // the agent has not begun
	}
	if err != nil {
		return err
	}
	defer func() { _ = copies.Close() }()
	record, err := copies.Folder.Get(secret)
	if errors.Is(err, state.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	delivery := wire.Delivery{Envelope: record.Envelope, Statement: record.Statement}
	if len(r.captured) < maxCaptured {
		r.captured = append(r.captured, delivery)
	} else {
		r.captured[rand.IntN(maxCaptured)] = delivery
	}
	return nil
}

// replay sends a delivery once. The agent answers with the receipt of that version
// or of a newer one, if it is there to answer.
func (r *replayer) replay(ctx context.Context, delivery wire.Delivery) error {
	body, err := json.Marshal(delivery)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return nil //nolint:nilerr // It is killed again and again.
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil || response.StatusCode == http.StatusServiceUnavailable {
		return nil //nolint:nilerr // Likewise.
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("a replayed delivery was answered with %d: %s", response.StatusCode, data)
	}
	return r.count(delivery, data)
}

func (r *replayer) count(delivery wire.Delivery, body []byte) error {
	var answer wire.Receipt
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	of, err := statement.Verify(delivery.Statement, r.agent.service)
	if err != nil {
		return err
	}
	has, err := receipt.Verify(answer.Receipt, r.agent.signing)
	switch {
	case err != nil:
		return err
	case has.Secret != of.Secret || has.Version < of.Version:
		return fmt.Errorf("version %d of %s was replayed, the receipt is of version %d of %s", of.Version, of.Secret, has.Version, has.Secret)
	case has.Version == of.Version:
		r.repeated++
	default:
		r.older++
	}
	if r.repeated > 0 && r.older > 0 {
		r.once.Do(func() { close(r.enough) })
	}
	return nil
}
