package httpapi

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/enrol"
)

// enrolAPI is /v1/enrolments.
type enrolAPI struct {
	*enrol.Desk
	log     zerolog.Logger
	working slots
}

// notInvited is the detail of the answer to whoever is not shown to be the agent.
const notInvited = "use a new invitation, or sign with the key that the agent has now, and compare both clocks; the service's log says which it is"

// register is POST /v1/enrolments.
func (a *enrolAPI) register(c echo.Context) error {
	data, err := readJSON(c, "an enrolment", enrol.MaxBody)
	if err != nil {
		return err
	}
	done, err := a.working.take()
	if err != nil {
		return err
	}
	defer done()
	body, err := enrol.ReadBody(data)
	if err != nil {
		return err
	}
	answer, err := a.Register(c.Request().Context(), body, time.Now())
	if err != nil {
		p := problemOf(err)
		a.log.Warn().Str("remote", c.RealIP()).Int("status", p.status).Str("problem", p.slug).AnErr("reason", p.reason).Msg("enrolment refused")
		if p.status == http.StatusUnauthorized {
			p.detail = notInvited
		}
		return p
	}
	a.log.Info().Str("agent", answer.Agent).Str("state", answer.State).Str("key_id", answer.KeyID).Msg("enrolment taken")
	return c.JSON(http.StatusOK, answer)
}
