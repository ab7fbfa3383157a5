package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// The outcomes that an Observer is told of requests that are no events.
const (
	outcomeReply  = "reply"
	outcomeExists = "exists"
	outcomeAbsent = "absent"
)

// outcome is what an Observer is told of the result.
func outcome(result intake.Result) string {
	switch {
	case result.Reply != nil:
		return outcomeReply
	case result.Exists == nil:
		return string(wire.NewBatch(result.Answers).Status)
	case *result.Exists:
		return outcomeExists
	default:
		return outcomeAbsent
	}
}

// respond writes a success. 202 says that something is under way, 200 that
// there is nothing to do.
func respond(c echo.Context, source *intake.Source, result intake.Result) error {
	switch {
	case result.Reply != nil:
		return write(c, *result.Reply)
	case result.Exists != nil && !*result.Exists:
		return errNoSecret
	case result.Exists != nil:
		return c.JSON(http.StatusOK, map[string]bool{"exists": true})
	}
	if own, ok := source.Adapter.(hooks.Answerer); ok {
		if reply, ok := own.Answer(nil); ok {
			return write(c, reply)
		}
	}
	batch := wire.NewBatch(result.Answers)
	status := http.StatusOK
	if batch.Status == wire.Accepted || batch.Status == wire.Awaited {
		status = http.StatusAccepted
	}
	if len(result.Answers) == 1 {
		return c.JSON(status, result.Answers[0])
	}
	return c.JSON(status, batch)
}

// write writes a reply of the sender's protocol.
func write(c echo.Context, reply hooks.Reply) error {
	header := c.Response().Header()
	for name, values := range reply.Header {
		header[name] = values
	}
	c.Response().WriteHeader(reply.Status)
	_, err := c.Response().Write(reply.Body)
	return err
}
