package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// mailboxAPI is /v1/mailbox and /v1/receipts. The agent's name is in the query,
// which its signature covers.
type mailboxAPI struct {
	*mailbox.Mailbox
	log zerolog.Logger
	// reading bounds the larger bodies that arrive, working the requests that are
	// verified and answered, those apart that wait.
	reading, working slots
}

// list is GET /v1/mailbox?agent=NAME[&wait=DURATION][&after=ID].
func (a *mailboxAPI) list(c echo.Context) error {
	return a.answer(c, []string{"wait", "after"}, func(ctx context.Context, agent *mailbox.Agent, query url.Values, _ []byte) (any, error) {
		wait, err := readWait(query.Get("wait"))
		if err != nil {
			return nil, err
		}
		if wait > 0 {
			if err := allow(c, wait); err != nil {
				return nil, err
			}
		}
		return a.List(ctx, agent, query.Get("after"), wait)
	})
}

// readWait reads how long an agent would wait; 0 if it does not say.
func readWait(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 {
		return 0, fmt.Errorf("%w: wait is not a duration such as 30s", hooks.ErrMalformed)
	}
	return min(wait, mailbox.MaxWait), nil
}

// fetch is GET /v1/mailbox/ID?agent=NAME.
func (a *mailboxAPI) fetch(c echo.Context) error {
	return a.answer(c, nil, func(ctx context.Context, agent *mailbox.Agent, _ url.Values, _ []byte) (any, error) {
		return a.Fetch(ctx, agent, c.Param("id"))
	})
}

// acknowledge is POST /v1/mailbox/ID/receipt?agent=NAME.
func (a *mailboxAPI) acknowledge(c echo.Context) error {
	return a.answer(c, nil, func(ctx context.Context, agent *mailbox.Agent, _ url.Values, body []byte) (any, error) {
		token, err := readReceipt(body)
		if err != nil {
			return nil, err
		}
		status, err := a.Acknowledge(ctx, agent, c.Param("id"), token)
		return wire.Acknowledged{Status: status}, err
	})
}

// report is POST /v1/receipts?agent=NAME.
func (a *mailboxAPI) report(c echo.Context) error {
	return a.answer(c, nil, func(ctx context.Context, agent *mailbox.Agent, _ url.Values, body []byte) (any, error) {
		token, err := readReceipt(body)
		if err != nil {
			return nil, err
		}
		status, err := a.Report(ctx, agent, token)
		return wire.Acknowledged{Status: status}, err
	})
}

// answer answers a request whose body, if it has one, is a receipt.
func (a *mailboxAPI) answer(c echo.Context, parameters []string, do work) error {
	return a.answerTo(c, parameters, readReceiptBody, do)
}

// work makes the answer to a request of an agent.
type work = func(ctx context.Context, agent *mailbox.Agent, query url.Values, body []byte) (any, error)

// answerTo authenticates a request, with its body as read has it, and answers what do
// returns. The query may have the named parameters beside the agent's name.
func (a *mailboxAPI) answerTo(c echo.Context, parameters []string, read func(echo.Context) ([]byte, error), do work) error {
	query, err := readQuery(c.Request().URL, parameters)
	if err != nil {
		return err
	}
	body, err := read(c)
	if err != nil {
		return err
	}
	agent, err := a.authenticate(c, query.Get("agent"), body)
	if err != nil {
		return err
	}
	result, err := do(c.Request().Context(), agent, query, body)
	if err != nil {
		p := problemOf(err)
		a.log.Warn().Str("agent", agent.Name).Str("remote", c.RealIP()).Int("status", p.status).Str("problem", p.slug).AnErr("reason", p.reason).Msg("agent refused")
		return p
	}
	return c.JSON(http.StatusOK, result)
}

// notAgent is the detail of the answer to a request that is not its agent's.
const notAgent = "compare the agent's name, its signing key or client certificate, and both clocks; the service's log says which it is"

// authenticate gives each request that is not its agent's the same answer. Only
// the log tells why.
func (a *mailboxAPI) authenticate(c echo.Context, name string, body []byte) (*mailbox.Agent, error) {
	done, err := a.working.take()
	if err != nil {
		return nil, err
	}
	defer done()
	r := c.Request()
	agent, err := a.Authenticate(name, &hooks.Request{
		Method: r.Method, URL: asked(r), Header: r.Header, Body: body, ClientChain: clientChain(r), Received: time.Now(),
	})
	if err != nil {
		p := problemOf(err)
		a.log.Warn().Str("remote", c.RealIP()).Int("status", p.status).Str("problem", p.slug).AnErr("reason", p.reason).Msg("agent refused")
		p.detail = notAgent
		return nil, p
	}
	return agent, nil
}

// readQuery reads a query that has agent, and may have the parameters, each once,
// and nothing else.
func readQuery(target *url.URL, parameters []string) (url.Values, error) {
	query, err := url.ParseQuery(target.RawQuery)
	if err != nil || query.Get("agent") == "" {
		return nil, fmt.Errorf("%w: ask with ?agent=NAME", hooks.ErrMalformed)
	}
	for name, values := range query {
		if len(values) != 1 || name != "agent" && !slices.Contains(parameters, name) {
			return nil, fmt.Errorf("%w: the query has a parameter that is not of this address, or one twice", hooks.ErrMalformed)
		}
	}
	return query, nil
}
