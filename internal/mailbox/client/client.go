// Package client is an agent's side of /v1/mailbox: it lists what waits for the
// agent, fetches it, and acknowledges it with a receipt. [Jobs] asks there for runs
// of jobs.
//
// It verifies nothing of what it fetches. Whoever uses it holds the statement to
// the pinned key of the service and the envelope to the statement, as with a
// delivery that was pushed.
package client

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// MaxWait is the longest that the service keeps a List waiting.
const MaxWait = time.Minute

const (
	// callTimeout bounds a call, beyond the time that it asks to wait.
	callTimeout = 30 * time.Second
	// maxPages bounds one List, so that no server keeps it going for ever.
	maxPages = 1000
)

// Options are what a Client needs.
type Options struct {
	// URL is where the service's listener is, https://HOST[:PORT], with the path
	// of a proxy if there is one. Plain http is for loopback.
	URL string
	// Agent is the agent's name.
	Agent string
	// SigningKey signs the requests (RFC 9421); nil if the agent shows a client
	// certificate, which is then HTTP's.
	SigningKey ed25519.PrivateKey
	// HTTP makes the connections. Its Timeout is 0 or longer than MaxWait: the
	// Client bounds each call itself. Redirects are not followed, whatever it
	// says.
	HTTP *http.Client
	// AskedKeys is called, if it is set, by each List that the service answers
	// with the wish for the agent's next key. It must not block.
	AskedKeys func()
}

// Client is safe for concurrent use.
type Client struct {
	base   *url.URL
	agent  string
	http   *http.Client
	signer *verify.MessageSigner
	asked  func()
}

// New checks the options and connects to nothing yet.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, errors.New("the URL of the service must be https://HOST, without a user, a query and a fragment")
	}
	if o.Agent == "" || o.HTTP == nil {
		return nil, errors.New("the mailbox needs the agent's name and an HTTP client")
	}
	c := &Client{base: base, agent: o.Agent, asked: o.AskedKeys}
	own := *o.HTTP
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &own
	if o.SigningKey == nil {
		return c, nil
	}
	c.signer, err = newSigner(o.SigningKey)
	return c, err
}

// newSigner names the key by the ID under which the service knows it.
func newSigner(key ed25519.PrivateKey) (*verify.MessageSigner, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("an Ed25519 private key has %d bytes, this one %d", ed25519.PrivateKeySize, len(key))
	}
	id, err := keys.ID(key.Public())
	if err != nil {
		return nil, err
	}
	return verify.NewMessageSigner(key, id)
}

// List returns all that waits for the agent. If nothing does, it returns when
// something comes, or empty when wait, at most MaxWait, has passed. What was
// listed and is not acknowledged is listed again: whoever cannot take an entry
// waits before the next List.
//
// An answer that is not 2xx is a *wire.ProblemError, here and below.
func (c *Client) List(ctx context.Context, wait time.Duration) ([]wire.MailboxEntry, error) {
	query := url.Values{}
	if wait = min(wait, MaxWait); wait > 0 {
		query.Set("wait", wait.String())
	}
	var all []wire.MailboxEntry
	for range maxPages {
		var page wire.Mailbox
		if err := c.call(ctx, request{method: http.MethodGet, path: []string{"mailbox"}, query: query, wait: wait, limit: maxList}, &page); err != nil {
			return nil, fmt.Errorf("list the mailbox: %w", err)
		}
		if page.AskedKeys && c.asked != nil {
			c.asked()
		}
		all = append(all, page.Entries...)
		if page.Next == "" {
			return all, nil
		}
		query, wait = url.Values{"after": {page.Next}}, 0
	}
	return nil, fmt.Errorf("list the mailbox: it goes on after %d pages; check the URL", maxPages)
}

// Fetch returns an entry as a push would bring it. It may be a newer version than
// the listed one; its statement says which it is. An entry that waits no more is
// a problem of kind "no-entry".
func (c *Client) Fetch(ctx context.Context, id string) (wire.Delivery, error) {
	var delivery wire.Delivery
	err := c.call(ctx, request{method: http.MethodGet, path: []string{"mailbox", id}, limit: maxDelivery}, &delivery)
	if err == nil && delivery.Statement == "" {
		err = errors.New("the answer has no statement; check the URL")
	}
	if err != nil {
		return wire.Delivery{}, fmt.Errorf("fetch from the mailbox: %w", err)
	}
	return delivery, nil
}

// Acknowledge tells with a signed receipt (package receipt) that the agent has
// the entry's version. The same receipt can be sent again. A problem of kind
// "receipt-late" says that a newer version waits or was acknowledged already:
// nothing is left to do for the older one.
func (c *Client) Acknowledge(ctx context.Context, id, receipt string) error {
	return c.send(ctx, []string{"mailbox", id, "receipt"}, receipt)
}

// Report sends the receipt of a delivery that was pushed and could not be
// answered with it; otherwise it is as Acknowledge.
func (c *Client) Report(ctx context.Context, receipt string) error {
	return c.send(ctx, []string{"receipts"}, receipt)
}

func (c *Client) send(ctx context.Context, path []string, receipt string) error {
	var answer wire.Acknowledged
	err := c.call(ctx, request{method: http.MethodPost, path: path, body: wire.Receipt{Receipt: receipt}, limit: maxList}, &answer)
	if err == nil && answer.Status != wire.ReceiptTaken && answer.Status != wire.ReceiptKnown {
		err = errors.New("the answer is not that of a mailbox; check the URL")
	}
	if err != nil {
		return fmt.Errorf("send a receipt: %w", err)
	}
	return nil
}
