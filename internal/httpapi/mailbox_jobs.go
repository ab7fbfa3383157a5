package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

const (
	// claimWait is how long a claim waits that does not say.
	claimWait = 30 * time.Second
	// signWithin bounds the time that an authority has to sign; its configuration has
	// at most ten minutes.
	signWithin = 10*time.Minute + 10*time.Second
)

// The media types of bodies that are no JSON.
const (
	octetsType  = "application/octet-stream"
	requestType = "application/x-pem-file"
)

// claim is POST /v1/mailbox/jobs/claim?agent=NAME&claim=ID[&wait=DURATION].
func (a *mailboxAPI) claim(c echo.Context) error {
	return a.answerTo(c, []string{"claim", "wait"}, readNothing, func(ctx context.Context, agent *mailbox.Agent, query url.Values, _ []byte) (any, error) {
		id := query.Get("claim")
		if !claimIDs().MatchString(id) {
			return nil, fmt.Errorf("%w: claim is not 16 to 64 letters, digits, - and _ that the agent made up for this claim", hooks.ErrMalformed)
		}
		wait, err := readClaimWait(query)
		if err != nil {
			return nil, err
		}
		if err := allow(c, wait); err != nil {
			return nil, err
		}
		run, err := a.ClaimRun(ctx, agent, id, wait)
		return wire.Claimed{Run: run}, err
	})
}

var claimIDs = lazyregexp.New(`^[A-Za-z0-9_-]{16,64}$`)

// readClaimWait reads how long an agent would wait for a run, at least a second.
func readClaimWait(query url.Values) (time.Duration, error) {
	if !query.Has("wait") {
		return claimWait, nil
	}
	wait, err := readWait(query.Get("wait"))
	return max(wait, time.Second), err
}

// extend is POST /v1/mailbox/jobs/ID/extend?agent=NAME&fence=N.
func (a *mailboxAPI) extend(c echo.Context) error {
	return a.answerTo(c, []string{"fence"}, readNothing, func(ctx context.Context, agent *mailbox.Agent, query url.Values, _ []byte) (any, error) {
		fence, err := readNumber(query, "fence")
		if err != nil {
			return nil, err
		}
		stop, err := a.ExtendRun(ctx, agent, c.Param("id"), fence)
		return wire.Extended{Stop: stop}, err
	})
}

// output is POST /v1/mailbox/jobs/ID/output?agent=NAME&fence=N&seq=K.
func (a *mailboxAPI) output(c echo.Context) error {
	done, err := a.reading.take()
	if err != nil {
		return err
	}
	defer done()
	read := func(c echo.Context) ([]byte, error) {
		return readBody(c, octetsType, "a chunk of an output", jobs.MaxChunk)
	}
	return a.answerTo(c, []string{"fence", "seq"}, read, func(ctx context.Context, agent *mailbox.Agent, query url.Values, chunk []byte) (any, error) {
		fence, err := readNumber(query, "fence")
		if err != nil {
			return nil, err
		}
		seq, err := readNumber(query, "seq")
		if err != nil {
			return nil, err
		}
		if len(chunk) == 0 || seq > jobs.MaxOutput {
			return nil, fmt.Errorf("%w: the chunk is empty, or there cannot be so many", hooks.ErrMalformed)
		}
		return struct{}{}, a.AppendOutput(ctx, agent, c.Param("id"), fence, int(seq), chunk)
	})
}

// sign is POST /v1/mailbox/jobs/ID/sign?agent=NAME&fence=N.
func (a *mailboxAPI) sign(c echo.Context) error {
	read := func(c echo.Context) ([]byte, error) {
		done, err := a.reading.take()
		if err != nil {
			return nil, err
		}
		defer done()
		return readBody(c, requestType, "a request for a certificate", wire.MaxSigningRequest)
	}
	return a.answerTo(c, []string{"fence"}, read, func(ctx context.Context, agent *mailbox.Agent, query url.Values, csr []byte) (any, error) {
		fence, err := readNumber(query, "fence")
		if err != nil {
			return nil, err
		}
		if err := allow(c, signWithin); err != nil {
			return nil, err
		}
		within, cancel := context.WithTimeout(ctx, signWithin)
		defer cancel()
		signed, err := a.SignRequest(within, agent, c.Param("id"), fence, csr)
		return wire.Signed{Certificates: string(signed)}, err
	})
}

// end is POST /v1/mailbox/jobs/ID/end?agent=NAME&fence=N.
func (a *mailboxAPI) end(c echo.Context) error {
	read := func(c echo.Context) ([]byte, error) { return readJSON(c, "the end of a run", wire.MaxRunEnd) }
	return a.answerTo(c, []string{"fence"}, read, func(ctx context.Context, agent *mailbox.Agent, query url.Values, body []byte) (any, error) {
		fence, err := readNumber(query, "fence")
		if err != nil {
			return nil, err
		}
		end, err := readEnd(body)
		if err != nil {
			return nil, err
		}
		return struct{}{}, a.EndRun(ctx, agent, c.Param("id"), fence, end)
	})
}

// allow gives an answer more time than the server does.
func allow(c echo.Context, wait time.Duration) error {
	if err := http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(wait + writeTimeout)); err != nil {
		return fmt.Errorf("extend the time to answer: %w", err)
	}
	return nil
}

// readNothing reads the body {}, of which there is one since a signature of a POST
// covers its body.
func readNothing(c echo.Context) ([]byte, error) {
	body, err := readJSON(c, "a body without members", 16)
	if err == nil && string(bytes.TrimSpace(body)) != "{}" {
		err = fmt.Errorf("%w: the body is not {}", hooks.ErrMalformed)
	}
	return body, err
}

// readNumber reads a parameter that is a number from 0, in its one spelling.
func readNumber(query url.Values, name string) (int64, error) {
	text := query.Get(name)
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 || strconv.FormatInt(number, 10) != text {
		return 0, fmt.Errorf("%w: %s is not a number from 0", hooks.ErrMalformed, name)
	}
	return number, nil
}

// storeNames are those that a configuration can have.
var storeNames = lazyregexp.New(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`)

// readEnd reads how a run ended: one of a result, stopped and given_back, and nothing
// else than a jobs.End has. Its errors repeat nothing of it. Control characters, which
// a terminal could take for its own, are left out of the message.
func readEnd(body []byte) (jobs.End, error) {
	var end jobs.End
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&end)
	if _, trailing := decoder.Token(); err != nil || !errors.Is(trailing, io.EOF) {
		return jobs.End{}, fmt.Errorf("%w: the body is not how a run ended, as JSON and nothing else", hooks.ErrMalformed)
	}
	ways := 0
	for _, is := range []bool{end.Result != "", end.Stopped, end.GivenBack} {
		if is {
			ways++
		}
	}
	switch {
	case ways != 1 || end.Result != "" && !slices.Contains(outbox.RunResults, end.Result):
		return jobs.End{}, fmt.Errorf("%w: a run ends with a result of success, warning or failure, or stopped, or given_back", hooks.ErrMalformed)
	case end.Changed != "" && !storeNames().MatchString(end.Changed):
		return jobs.End{}, fmt.Errorf("%w: changed is not the name of a store", hooks.ErrMalformed)
	}
	end.Message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, end.Message)
	return end, nil
}
