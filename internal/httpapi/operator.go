package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/hooks"
)

// Role is what the bearer of a token of the admin API may do.
type Role string

// The roles, each with what those before it may do.
const (
	// Viewer looks. It sees ciphertext and names, never a value.
	Viewer Role = "viewer"
	// Operator retries, pauses, resumes, puts agents in quarantine, and changes stores.
	Operator Role = "operator"
)

// Roles are all of them.
var Roles = []Role{Viewer, Operator}

// Token is a token of the admin API. Its name is the actor of what its bearer
// does, in the audit log.
type Token struct {
	Name     string
	Role     Role
	Verifier hooks.Verifier
}

// authorised wraps a handler that is for bearers of the role. Each token is
// compared, so that the time of the answer does not tell which one matched.
func (o *AdminOptions) authorised(need Role, handle func(c echo.Context, actor string) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		request := &hooks.Request{Method: c.Request().Method, URL: asked(c.Request()), Header: c.Request().Header, Received: time.Now()}
		var bearer *Token
		for _, token := range o.Tokens() {
			if _, err := token.Verifier.Verify(request); err == nil {
				bearer = &token
			}
		}
		switch {
		case bearer == nil:
			o.Log.Warn().Str("remote", c.RealIP()).Str("problem", errNoToken.slug).Msg("request to the admin API refused")
			return errNoToken
		case need == Operator && bearer.Role != Operator:
			o.Log.Warn().Str("token", bearer.Name).Str("problem", errRole.slug).Msg("request to the admin API refused")
			return errRole
		}
		return handle(c, "token/"+bearer.Name)
	}
}

// queryOf reads a query whose parameters are among those allowed, each once.
func queryOf(c echo.Context, allowed ...string) (map[string]string, error) {
	found := map[string]string{}
	for name, values := range c.QueryParams() {
		if !slices.Contains(allowed, name) || len(values) != 1 {
			return nil, fmt.Errorf("%w: the query takes %q, each once", hooks.ErrMalformed, allowed)
		}
		found[name] = values[0]
	}
	return found, nil
}

// maxAction bounds the body of an action, in bytes.
const maxAction = 64 << 10

// readAction reads the body of an action into a struct, strictly.
func readAction(c echo.Context, into any) error {
	body, err := readJSON(c, "an action", maxAction)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(into)
	if _, trailing := decoder.Token(); err != nil || !errors.Is(trailing, io.EOF) {
		return fmt.Errorf("%w: the body is not an object with the members that /openapi.json says, and nothing else", hooks.ErrMalformed)
	}
	return nil
}
