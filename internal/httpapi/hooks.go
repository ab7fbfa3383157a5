package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// hooksAPI is /v1/hooks/{source}.
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
	source, err := a.source(c.Param("source"), started)
	if err != nil {
		return err
	}
	result, err := a.accept(c, source, started)
	if err != nil {
		return a.refuse(c, source, started, err)
	}
	a.Observer.Hook(source.Name, outcome(result), time.Since(started))
	return respond(c, source, result)
}

// refuse says no, in the sender's protocol where that has words for it. What is
// to be tried again, or is a defect here, is told by the status alone.
func (a *hooksAPI) refuse(c echo.Context, source *intake.Source, started time.Time, err error) error {
	p := a.refusal(c, source, started, err)
	if own, ok := source.Adapter.(hooks.Answerer); ok && p.retryAfter == 0 && p.status < http.StatusInternalServerError {
		if reply, ok := own.Answer(err); ok {
			return write(c, reply)
		}
	}
	return p
}

// refusal tells the operator of it.
func (a *hooksAPI) refusal(c echo.Context, source *intake.Source, started time.Time, err error) *problem {
	p := problemOf(err)
	a.Observer.Hook(source.Name, p.slug, time.Since(started))
	a.Log.Warn().Str("source", source.Name).Str("remote", c.RealIP()).Int("status", p.status).Str("problem", p.slug).AnErr("reason", p.reason).Msg("hook refused")
	return p
}

func (a *hooksAPI) accept(c echo.Context, source *intake.Source, received time.Time) (intake.Result, error) {
	request, err := admit(c, source, received)
	if err != nil {
		return intake.Result{}, err
	}
	if reply, done, err := preflight(c, source); done {
		return intake.Result{Reply: reply}, err
	}
	body, err := a.readBody(c, source.MaxBody)
	if err != nil {
		return intake.Result{}, err
	}
	defer body.Wipe()
	done, err := a.working.take()
	if err != nil {
		return intake.Result{}, err
	}
	defer done()
	var result intake.Result
	err = body.Expose(func(plaintext []byte) error {
		request.Body = plaintext
		result, err = a.Intake.Accept(c.Request().Context(), source, request)
		return err
	})
	return result, err
}

// preflight answers what comes before any event, and refuses methods that the
// source's adapter does not take. It knows no sender yet, and tells nothing but
// that the source is there.
func preflight(c echo.Context, source *intake.Source) (reply *hooks.Reply, done bool, err error) {
	methods := []string{http.MethodPost}
	if taker, ok := source.Adapter.(hooks.MethodTaker); ok {
		methods = taker.Methods()
	}
	questioned, isPreflighter := source.Adapter.(hooks.Preflighter)
	if isPreflighter {
		methods = append(slices.Clone(methods), http.MethodOptions)
	}
	method := c.Request().Method
	if !slices.Contains(methods, method) {
		slices.Sort(methods)
		c.Response().Header().Set("Allow", strings.Join(methods, ", "))
		return nil, true, errMethod
	}
	if method != http.MethodOptions {
		return nil, false, nil
	}
	answer := questioned.Preflight(c.Request().Header)
	return &answer, true, nil
}

// asked is the URL that the sender used. A proxy that terminates TLS says so in
// X-Forwarded-Proto; whoever lies there only spoils a signature over the URL.
func asked(r *http.Request) *url.URL {
	target := *r.URL
	target.Scheme, target.Host = "https", r.Host
	if r.TLS == nil && r.Header.Get("X-Forwarded-Proto") != "https" {
		target.Scheme = "http"
	}
	return &target
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
