// Package js7joc speaks the REST API of JS7's JOC Cockpit as far as a Job Resource
// is to be read, changed, stored and deployed, and encipherment certificates are. It is written after the sources and
// documents of JS7 2.7 to 2.9 (docs/js7.md), and was not run against a real one.
package js7joc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

const (
	// loginTimeout is longer than the 30 s for which a JOC delays the answer to
	// logins of an account that failed before.
	loginTimeout = 45 * time.Second
	callTimeout  = 30 * time.Second
	// maxAnswer bounds an answer, in bytes: a Job Resource has values of up to 2
	// MiB each.
	maxAnswer = 64 << 20
)

// Client reaches one JOC Cockpit. It is safe for concurrent use.
type Client struct {
	// Base is https://HOST:PORT, with the path of a proxy if there is one; /joc/api
	// is added.
	Base *url.URL
	HTTP *http.Client
	// User is the account; empty if the TLS client certificate is it alone.
	User string
	// Password reads the account's; it is wiped after use.
	Password func() (*secretbytes.Value, error)
}

// Session is a login. It is not safe for concurrent use.
type Session struct {
	client *Client
	token  string
}

// Login logs in. A 200 without a token is a failed login too: a second factor is
// wanted. It must not be repeated at once: after two failures a JOC answers logins
// of the account half a minute late.
func (c *Client) Login(ctx context.Context) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	request, err := c.request(ctx, "authentication/login", nil)
	if err != nil {
		return nil, err
	}
	if err := c.authorise(request); err != nil {
		return nil, err
	}
	var answer struct {
		Token   string `json:"accessToken"`
		Message string `json:"message"`
	}
	response, err := c.exchange(request, &answer)
	if err != nil {
		return nil, err
	}
	token := response.Get("X-Access-Token")
	if token == "" {
		token = answer.Token
	}
	if token == "" {
		return nil, &Error{Status: http.StatusUnauthorized, why: "the JOC Cockpit took the account and gave no session: it asks for a second factor; use an account without one"}
	}
	return &Session{c, token}, nil
}

// authorise puts the account into the request. HTTP's headers are strings, so that
// the password is in memory that is not wiped until the request is forgotten.
func (c *Client) authorise(request *http.Request) error {
	if c.User == "" {
		return nil
	}
	password, err := c.Password()
	if err != nil {
		return fmt.Errorf("password_file: %w", err)
	}
	defer password.Wipe()
	return password.Expose(func(plain []byte) error {
		request.SetBasicAuth(c.User, string(plain))
		return nil
	})
}

// Logout ends the session. A failure is of no consequence: the session ends by
// itself.
func (s *Session) Logout(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = s.call(ctx, "authentication/logout", nil, nil)
}

// call makes one call. into may be nil.
func (s *Session) call(ctx context.Context, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := s.client.request(ctx, path, body)
	if err != nil {
		return err
	}
	request.Header.Set("X-Access-Token", s.token)
	_, err = s.client.exchange(request, into)
	return err
}

func (c *Client) request(ctx context.Context, path string, body any) (*http.Request, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base.JoinPath("joc/api", path).String(), bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	return request, nil
}

// exchange sends the request and decodes an answer of 2xx. Bodies are never
// repeated in an error: that of a 403 has the session's token.
func (c *Client) exchange(request *http.Request, into any) (http.Header, error) {
	response, err := c.HTTP.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("the JOC Cockpit is not reached: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the JOC Cockpit's answer did not arrive whole: %w", err)
	case len(data) > maxAnswer:
		return nil, fmt.Errorf("the JOC Cockpit's answer has more than %d bytes", maxAnswer)
	case response.StatusCode/100 != 2:
		return nil, errorOf(response.StatusCode, data)
	case into == nil:
		return response.Header, nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return nil, errors.New("the server answered, but not as a JOC Cockpit does; check url")
	}
	return response.Header, nil
}
