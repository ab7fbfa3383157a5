package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/sealrelay/sealrelay/internal/wire"
)

// The largest answers that are read, in bytes.
const (
	maxList     = 1 << 20
	maxDelivery = 64 << 20
)

// request is one call of the service.
type request struct {
	method string
	// path are the segments behind /v1.
	path  []string
	query url.Values
	// body is sent as JSON; nil for none.
	body any
	// octets are sent as they are, in place of body, as that media type.
	octets []byte
	media  string
	// wait is how long the service may take beyond the usual.
	wait time.Duration
	// limit bounds the answer, in bytes.
	limit int64
}

// call makes a call and reads its answer into a pointer to its type.
func (c *Client) call(ctx context.Context, call request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout+call.wait)
	defer cancel()
	r, err := c.request(ctx, call)
	if err != nil {
		return err
	}
	response, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, call.limit+1))
	switch {
	case response.StatusCode/100 != 2:
		return wire.ReadProblem(response, body)
	case err != nil:
		return fmt.Errorf("the answer did not arrive whole: %w", err)
	case int64(len(body)) > call.limit:
		return fmt.Errorf("the answer has more than %d bytes; check the URL", call.limit)
	}
	if err := json.Unmarshal(body, into); err != nil {
		// The error of the decoder can repeat what it read.
		return fmt.Errorf("the server answered %d, but not as a mailbox of sealrelay does; check the URL", response.StatusCode)
	}
	return nil
}

// request makes the call's HTTP request, signed if the agent signs. The agent's
// name is in the query and so signed with it.
func (c *Client) request(ctx context.Context, call request) (*http.Request, error) {
	at := c.base.JoinPath("v1")
	for _, segment := range call.path {
		at = at.JoinPath(url.PathEscape(segment))
	}
	query := url.Values{"agent": {c.agent}}
	for name, values := range call.query {
		query[name] = values
	}
	at.RawQuery = query.Encode()
	body, media := call.octets, call.media
	if call.body != nil {
		var err error
		if body, err = json.Marshal(call.body); err != nil {
			return nil, err
		}
		media = "application/json"
	}
	r, err := http.NewRequestWithContext(ctx, call.method, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json, "+wire.ProblemType)
	if len(body) > 0 {
		r.Header.Set("Content-Type", media)
	}
	if c.signer == nil {
		return r, nil
	}
	return r, c.signer.Sign(r, body, time.Now())
}
