package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// hooksAPI is POST /v1/hooks/{source}.
type hooksAPI struct {
	Options
	// reading has room for the requests whose bodies arrive, working for those
	// that are worked on: senders that are slow, or pretend to be, do not keep
	// the others out.
	reading, working slots
}

// readersPerWorker is how many bodies may be arriving for each request that
// may be worked on.
const readersPerWorker = 4

// slots bounds how many requests are at one stage.
type slots chan struct{}

// take takes a slot and returns how to give it back, or errBusy.
func (s slots) take() (release func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	default:
		return nil, errBusy
	}
}

// receive answers 202 or 200 only after what the answer says is durable.
func (a *hooksAPI) receive(c echo.Context) error {
	started := time.Now()
	name := c.Param("source")
	source := a.Intake.Rules().Source(name)
	if source == nil {
		a.Observer.Hook("unknown", errUnknownSource.slug, time.Since(started))
		return fmt.Errorf("%w; correct the last part of the URL, or add the source to the configuration and reload", errUnknownSource)
	}
	answer, err := a.accept(c, source, started)
	if err != nil {
		p := problemOf(err)
		a.Observer.Hook(name, p.slug, time.Since(started))
		a.Log.Warn().Str("source", name).Str("remote", c.RealIP()).Int("status", p.status).Str("problem", p.slug).AnErr("reason", p.reason).Msg("hook refused")
		return p
	}
	a.Observer.Hook(name, string(answer.Status), time.Since(started))
	status := http.StatusOK
	if answer.Status == wire.Accepted {
		status = http.StatusAccepted
	}
	return c.JSON(status, answer)
}

func (a *hooksAPI) accept(c echo.Context, source *intake.Source, received time.Time) (wire.Answer, error) {
	r := c.Request()
	remote, err := netip.ParseAddr(c.RealIP())
	if err != nil {
		return wire.Answer{}, fmt.Errorf("%w: the sender's address cannot be read; a proxy of trusted_proxies has to write addresses into X-Forwarded-For", intake.ErrForbidden)
	}
	if err := source.Admit(remote, clientChain(r), received); err != nil {
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
	err = body.Expose(func(plaintext []byte) error {
		answer, err = a.Intake.Accept(r.Context(), source, &hooks.Request{
			Method: r.Method, Header: r.Header, Body: plaintext,
			Remote: remote, ClientChain: clientChain(r), Received: received,
		})
		return err
	})
	return answer, err
}

// readBody reads a bounded body into memory that gets wiped.
func (a *hooksAPI) readBody(c echo.Context, limit int64) (*secretbytes.Value, error) {
	done, err := a.reading.take()
	if err != nil {
		return nil, err
	}
	defer done()
	r := c.Request()
	if r.ContentLength > limit {
		return nil, fmt.Errorf("%w: at most %d bytes are taken; send less, or raise its max_body_bytes", errTooLarge, limit)
	}
	// MaxBytesReader, beside the limit, closes the connection of a sender that
	// goes on sending.
	body, err := secretbytes.ReadFrom(http.MaxBytesReader(c.Response(), r.Body, limit), limit)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), errors.Is(err, secretbytes.ErrTooLarge):
		return nil, fmt.Errorf("%w: at most %d bytes are taken; send less, or raise its max_body_bytes", errTooLarge, limit)
	case err != nil:
		return nil, fmt.Errorf("%w: the body did not arrive whole", hooks.ErrMalformed)
	}
	return body, nil
}
