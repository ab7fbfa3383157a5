// Package push is the client that sends an event to a hook endpoint: it signs
// the project's own format as Standard Webhooks says, and tries again as long
// as that may help.
package push

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// The defaults of a Client.
const (
	DefaultAttempts   = 5
	DefaultMaxElapsed = 2 * time.Minute
)

// Client sends events to one hook endpoint. Its fields are set before the first
// Push; after that it is safe for concurrent use.
type Client struct {
	// URL is the endpoint: https://HOST/v1/hooks/SOURCE. Plain http goes to a
	// loopback address only.
	URL string
	// Secret signs each try. Either Secret or Token is set.
	Secret *verify.Secret
	// Token is sent as a bearer token instead of a signature.
	Token *hooks.Value
	// HTTP does the requests, apart from following redirects, which is never
	// done. NewHTTP makes one.
	HTTP *http.Client
	// Attempts is how often to try at most; DefaultAttempts if 0.
	Attempts int
	// MaxElapsed is how long to begin new tries; DefaultMaxElapsed if 0.
	MaxElapsed time.Duration
}

// Push sends the event and returns what the server answered. Every try has the
// same webhook-id, event.ID or a new random one, so the server accepts the event
// once however often it is sent, and a timestamp and signature of its own. The
// error is a *wire.ProblemError when the server refused, for good or once too often.
// The event's Value stays the caller's; the body made of it is wiped.
func (c *Client) Push(ctx context.Context, event hooks.Event) (wire.Answer, error) {
	if err := c.check(); err != nil {
		return wire.Answer{}, err
	}
	content, err := adapters.EncodePush(event)
	if err != nil {
		return wire.Answer{}, fmt.Errorf("push %s: %w", event.Secret, err)
	}
	message := message{method: http.MethodPost, url: c.URL, id: event.ID, payload: &payload{content: content}}
	// Every way out wipes the body; what a connection still wants to read of
	// it then fails.
	defer message.payload.wipe()
	if message.id == "" {
		message.id = NewID()
	}
	answer, err := retry(ctx, c, func() (wire.Answer, error) { return try(ctx, c, message, readAnswer) })
	if err != nil {
		return wire.Answer{}, fmt.Errorf("push %s: %w", event.Secret, err)
	}
	return answer, nil
}

// check refuses what would send a value unsigned or in the clear.
func (c *Client) check() error {
	if (c.Secret == nil) == (c.Token == nil) {
		return errors.New("set either a signing secret or a bearer token")
	}
	if c.HTTP == nil {
		return errors.New("set the HTTP client")
	}
	endpoint, err := url.Parse(c.URL)
	if err != nil || endpoint.Host == "" || endpoint.User != nil {
		return errors.New("the URL is not https://HOST/v1/hooks/SOURCE without user and password")
	}
	if endpoint.Scheme != "https" && (endpoint.Scheme != "http" || !loopback(endpoint.Hostname())) {
		return errors.New("the URL is not https; plain http is for loopback addresses only")
	}
	return nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// NewID makes an ID for an event, as Standard Webhooks suggests it. It begins
// with the time in milliseconds, so that IDs made one after the other are
// neighbours in the receiver's index of known events: of many events committed
// at once few pages are written then, where random ones take a page each.
func NewID() string {
	const timeLen = 6
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], uint64(time.Now().UnixMilli())<<(64-8*timeLen))
	_, _ = rand.Read(id[timeLen:]) // never fails: crypto/rand ends the program instead
	return "msg_" + hex.EncodeToString(id[:])
}

// message is what is sent and signed.
type message struct {
	method, url, id string
	// payload is nil for a message without a body; its target is then signed in
	// its place.
	payload *payload
}

// try sends the message once.
func try[T any](ctx context.Context, c *Client, m message, read func(*http.Response) (T, error)) (T, error) {
	var none T
	request, err := c.request(ctx, m)
	if err != nil {
		return none, err
	}
	direct := *c.HTTP
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := direct.Do(request)
	if err != nil {
		return none, unanswered(err)
	}
	defer response.Body.Close()
	return read(response)
}

func (c *Client) request(ctx context.Context, m message) (*http.Request, error) {
	var body io.Reader
	if m.payload != nil {
		body = m.payload.reader()
	}
	request, err := http.NewRequestWithContext(ctx, m.method, m.url, body)
	if err != nil {
		return nil, err
	}
	signed := hooks.RequestLine(m.method, request.URL)
	if m.payload != nil {
		signed = m.payload.content
		request.ContentLength = int64(len(signed))
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json, application/jose, "+wire.ProblemType)
	request.Header.Set("User-Agent", "sealrelay")
	return request, c.authenticate(request.Header, m.id, signed)
}

// unanswered tells a server that is not reached now from one that is not
// trusted: that is another one, or an authority is missing, and stays so.
func unanswered(err error) error {
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return fmt.Errorf("the server is not trusted: %w; give its authority with --ca-file, or correct the host in the URL", untrusted)
	}
	return &networkError{err}
}

// authenticate sets the headers that prove the sender. With a token the ID is
// sent as well, for the server's records.
func (c *Client) authenticate(header http.Header, id string, body []byte) error {
	now := time.Now()
	header.Set(verify.IDHeader, id)
	header.Set(verify.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
	if c.Token != nil {
		return c.Token.Expose(func(token []byte) error {
			header.Set("Authorization", "Bearer "+string(token))
			return nil
		})
	}
	signature, err := verify.SignV1(c.Secret, id, now, body)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	header.Set(verify.SignatureHeader, signature)
	return nil
}
