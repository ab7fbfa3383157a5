// Package https is the destination that posts envelopes and their statements to
// a receiver: an agent of ours, or whatever else takes webhooks.
//
// A request is JSON, {"envelope": base64, "statement": JWS}, the envelope absent
// on a delete. It is signed twice with the service's key, so that a receiver can
// verify it with what it has: as Standard Webhooks 1.0.0 says (v1a), and as RFC
// 9421 says. Its webhook-id is the same at each attempt at a version. Whether a
// version is newer than what the receiver has is the receiver's to decide, by the
// statement.
package https

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

const (
	connectTimeout = 10 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes; a receipt has at most 4
	// KiB.
	maxAnswer = 64 << 10
	// idleTimeout is how long a connection is kept for the next delivery.
	idleTimeout = 90 * time.Second
)

// Destination is a receiver. It is safe for concurrent use; requests to one host
// take turns, whichever Destination they are of.
type Destination struct {
	url      *url.URL
	client   *http.Client
	timeout  time.Duration
	signer   *signer
	receipts receipts
}

// New makes the destination of its part of the configuration.
func New(settings deliver.Settings) (deliver.Destination, error) {
	var c Config
	if err := settings.Decode(&c); err != nil {
		return nil, err
	}
	at, err := c.target()
	if err != nil {
		return nil, err
	}
	timeout, err := c.timeout()
	if err != nil {
		return nil, err
	}
	client, err := c.client(settings, at)
	if err != nil {
		return nil, err
	}
	service, err := settings.Service()
	if err != nil {
		return nil, err
	}
	signer, err := newSigner(service.Key, c.SecretFiles, settings.ReadSecret)
	if err != nil {
		return nil, err
	}
	must, err := c.mustHaveReceipt(len(settings.Agent.SigningKeys) > 0)
	if err != nil {
		return nil, err
	}
	return &Destination{at, client, timeout, signer, receipts{settings.Agent.SigningKeys, service.Issuer, must}}, nil
}

// client follows no redirect: what a receiver says is not where the secrets of
// its agent go. It speaks HTTP/1.1, a request to a connection.
func (c Config) client(settings deliver.Settings, at *url.URL) (*http.Client, error) {
	guard, err := c.guard(at)
	if err != nil {
		return nil, err
	}
	proxy, err := c.via()
	if err != nil {
		return nil, err
	}
	config, err := c.tls(settings)
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  func(*http.Request) (*url.URL, error) { return proxy, nil },
			DialContext:            (&net.Dialer{Timeout: connectTimeout, ControlContext: guard.Control}).DialContext,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    connectTimeout,
			Protocols:              protocols,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    maxPerHost,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// Deliver implements deliver.Destination. Any answer of 2xx says that the version
// is there durably, if a receipt that has to be there is there and right. 410 and
// the other answers of 4xx are final, but for 408, 425 and 429; Retry-After is
// heeded, up to a day.
func (d *Destination) Deliver(ctx context.Context, delivery outbox.Delivery) (receipt string, err error) {
	release, err := hosts.acquire(ctx, d.url.Host)
	if err != nil {
		return "", err
	}
	defer release()
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	status, body, err := d.exchange(limited, delivery)
	switch {
	case err != nil && ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", err
	}
	if err := status.judge(body); err != nil {
		return "", err
	}
	return d.receipts.check(body, delivery)
}

// exchange sends the request and reads the answer, at most maxAnswer of it.
func (d *Destination) exchange(ctx context.Context, delivery outbox.Delivery) (answer, []byte, error) {
	request, err := d.request(ctx, delivery)
	if err != nil {
		return answer{}, nil, err
	}
	response, err := d.client.Do(request)
	if err != nil {
		return answer{}, nil, d.failure(err)
	}
	defer response.Body.Close()
	status := answerOf(response, time.Now())
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil && status.taken() && d.receipts.must {
		// The receiver may have it: the next attempt asks for the receipt again.
		return answer{}, nil, d.failure(err)
	}
	return status, body, nil
}
