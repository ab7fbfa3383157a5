package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// outcomeRecipients is what an Observer is told of recipients that were given.
const outcomeRecipients = "recipients"

// setType is the media type of a JWS in compact serialization (RFC 7515, section
// 9.2.1).
const setType = "application/jose"

// receiveSealed is POST /v1/hooks/{source}/sealed: an event that its sender has
// sealed. It is answered as one with its value is.
func (a *hooksAPI) receiveSealed(c echo.Context) error {
	started := time.Now()
	source, err := a.source(c.Param("source"), started)
	if err != nil {
		return err
	}
	answer, err := a.acceptSealed(c, source, started)
	if err != nil {
		return a.refusal(c, source, started, err)
	}
	a.Observer.Hook(source.Name, string(answer.Status), time.Since(started))
	status := http.StatusOK
	if answer.Status == wire.Accepted {
		status = http.StatusAccepted
	}
	return c.JSON(status, answer)
}

func (a *hooksAPI) acceptSealed(c echo.Context, source *intake.Source, received time.Time) (wire.Answer, error) {
	request, err := admit(c, source, received)
	if err != nil {
		return wire.Answer{}, err
	}
	body, err := a.readBody(c, source.MaxBody)
	if err != nil {
		return wire.Answer{}, err
	}
	defer body.Wipe()
	done, err := a.working.take()
	if err != nil {
		return wire.Answer{}, err
	}
	defer done()
	var answer wire.Answer
	err = body.Expose(func(sealed []byte) error {
		request.Body = sealed
		answer, err = a.Intake.AcceptSealed(c.Request().Context(), source, request)
		return err
	})
	return answer, err
}

// recipients is GET /v1/recipients?source=NAME&secret=NAME: who gets the secret,
// signed, for a source that seals by itself.
func (a *hooksAPI) recipients(c echo.Context) error {
	started := time.Now()
	name, secret, err := asksFor(c.Request().URL)
	if err != nil {
		return err
	}
	source, err := a.source(name, started)
	if err != nil {
		return err
	}
	token, err := a.sign(c, source, secret, started)
	if err != nil {
		return a.refusal(c, source, started, err)
	}
	a.Observer.Hook(source.Name, outcomeRecipients, time.Since(started))
	return c.Blob(http.StatusOK, setType, []byte(token))
}

func (a *hooksAPI) sign(c echo.Context, source *intake.Source, secret string, received time.Time) (string, error) {
	request, err := admit(c, source, received)
	if err != nil {
		return "", err
	}
	done, err := a.working.take()
	if err != nil {
		return "", err
	}
	defer done()
	set, err := a.Intake.Recipients(source, request, secret)
	if err != nil {
		return "", err
	}
	return a.Recipients.Sign(set)
}

// asksFor reads the query, which has source and secret, each once, and nothing
// else.
func asksFor(target *url.URL) (source, secret string, err error) {
	query, err := url.ParseQuery(target.RawQuery)
	if err != nil || len(query) != 2 || len(query["source"]) != 1 || len(query["secret"]) != 1 {
		return "", "", fmt.Errorf("%w: ask for /v1/recipients?source=SOURCE&secret=NAME", hooks.ErrMalformed)
	}
	return query.Get("source"), query.Get("secret"), nil
}

// source is the source of that name.
func (a *hooksAPI) source(name string, started time.Time) (*intake.Source, error) {
	source := a.Intake.Rules().Source(name)
	if source == nil {
		a.Observer.Hook("unknown", errUnknownSource.slug, time.Since(started))
		return nil, fmt.Errorf("%w; correct its name in the URL, or add the source to the configuration and reload", errUnknownSource)
	}
	return source, nil
}

// admit lets a request in that may come from there, as far as its connection
// and header tell. Its body is not read yet.
func admit(c echo.Context, source *intake.Source, received time.Time) (*hooks.Request, error) {
	r := c.Request()
	remote, err := netip.ParseAddr(c.RealIP())
	if err != nil {
		return nil, fmt.Errorf("%w: the sender's address cannot be read; a proxy of trusted_proxies has to write addresses into X-Forwarded-For", intake.ErrForbidden)
	}
	if err := source.Admit(remote, clientChain(r), received); err != nil {
		return nil, err
	}
	return &hooks.Request{
		Method: r.Method, URL: asked(r), Header: r.Header,
		Remote: remote, ClientChain: clientChain(r), Received: received,
	}, nil
}
