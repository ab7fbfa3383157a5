package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// How much of a listing comes at once.
const (
	defaultPage = 100
	largestPage = 1000
)

// deliveryPage is the answer to GET /v1/deliveries.
type deliveryPage struct {
	Deliveries []standing.Delivery `json:"deliveries"`
	// Next goes into the parameter after; empty at the end.
	Next string `json:"next,omitempty"`
}

func (o *AdminOptions) listDeliveries(c echo.Context, _ string) error {
	query, err := queryOf(c, "agent", "destination", "secret", "state", "after", "limit")
	if err != nil {
		return err
	}
	filter := outbox.Filter{Agent: query["agent"], Destination: query["destination"], Secret: query["secret"]}
	if query["state"] != "" {
		filter.States, err = statesOf(strings.Split(query["state"], ","))
	}
	if err == nil {
		filter.After, err = readCursor(query["after"])
	}
	if err == nil {
		filter.Limit, err = readLimit(query["limit"])
	}
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	found, err := o.Outbox.List(ctx, filter)
	if err != nil {
		return err
	}
	held, err := o.Outbox.Holds(ctx)
	if err != nil {
		return err
	}
	page := deliveryPage{Deliveries: []standing.Delivery{}}
	for _, delivery := range found {
		page.Deliveries = append(page.Deliveries, standing.DeliveryOf(delivery, held))
	}
	if len(found) == filter.Limit {
		page.Next = cursorOf(found[len(found)-1].Key)
	}
	return c.JSON(http.StatusOK, page)
}

// statesOf reads states of deliveries.
func statesOf(names []string) ([]outbox.State, error) {
	var states []outbox.State
	for _, name := range names {
		state := outbox.State(name)
		if !slices.Contains(outbox.States, state) {
			return nil, fmt.Errorf("%w: a state is one of %q", hooks.ErrMalformed, outbox.States)
		}
		states = append(states, state)
	}
	return states, nil
}

// cursorOf names the place behind a delivery in a listing.
func cursorOf(key outbox.Key) string {
	text, err := json.Marshal([]string{key.Agent, key.Destination, key.Secret})
	if err != nil {
		panic(err) // Strings can always be written.
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func readCursor(cursor string) (*outbox.Key, error) {
	if cursor == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	var parts []string
	if err == nil {
		err = json.Unmarshal(text, &parts)
	}
	if err != nil || len(parts) != 3 {
		return nil, fmt.Errorf("%w: after is not the next of an answer", hooks.ErrMalformed)
	}
	return &outbox.Key{Agent: parts[0], Destination: parts[1], Secret: parts[2]}, nil
}

func readLimit(text string) (int, error) {
	if text == "" {
		return defaultPage, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > largestPage {
		return 0, fmt.Errorf("%w: limit is not a number from 1 to %d", hooks.ErrMalformed, largestPage)
	}
	return limit, nil
}

// showDelivery is GET /v1/deliveries/AGENT/DESTINATION/SECRET. The secret's name
// is the rest of the path, with its slashes as they are or escaped.
func (o *AdminOptions) showDelivery(c echo.Context, _ string) error {
	if _, err := queryOf(c); err != nil {
		return err
	}
	parts := []string{c.Param("agent"), c.Param("destination"), c.Param("*")}
	if c.Request().URL.RawPath != "" { // then that is what was matched
		for i, part := range parts {
			plain, err := url.PathUnescape(part)
			if err != nil {
				return errNoDelivery
			}
			parts[i] = plain
		}
	}
	shown, err := standing.ReadDelivery(c.Request().Context(), o.Outbox, outbox.Key{Agent: parts[0], Destination: parts[1], Secret: parts[2]})
	if errors.Is(err, outbox.ErrNotFound) {
		return errNoDelivery
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, shown)
}

// selection is the body of POST /v1/deliveries/retry.
type selection struct {
	Agent       string   `json:"agent"`
	Destination string   `json:"destination"`
	Secret      string   `json:"secret"`
	States      []string `json:"states"`
	// All must be said where nothing else selects.
	All bool `json:"all"`
}

func (o *AdminOptions) retry(c echo.Context, actor string) error {
	var wanted selection
	if err := readAction(c, &wanted); err != nil {
		return err
	}
	if !wanted.All && wanted.Agent == "" && wanted.Destination == "" && wanted.Secret == "" {
		return fmt.Errorf(`%w: say which: "agent", "destination", "secret", or "all": true`, hooks.ErrMalformed)
	}
	filter := outbox.Filter{Agent: wanted.Agent, Destination: wanted.Destination, Secret: wanted.Secret, States: []outbox.State{outbox.Dead, outbox.Pending}}
	if len(wanted.States) > 0 {
		var err error
		if filter.States, err = statesOf(wanted.States); err != nil {
			return err
		}
	}
	n, err := o.Outbox.Retry(c.Request().Context(), filter, standing.RetryEntry(actor, time.Now(), filter))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]int{"retried": n})
}

func (o *AdminOptions) pause(c echo.Context, actor string) error {
	at, err := o.readPlace(c)
	if err != nil {
		return err
	}
	if err := o.Known(at); err != nil {
		return &problem{kind: errUnknownAgent, detail: err.Error(), reason: err}
	}
	begun, err := o.Outbox.Pause(c.Request().Context(), at, placeEntry(audit.DeliveryPaused, actor, at))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"agent": at.Agent, "destination": at.Destination, "begun": begun})
}

func (o *AdminOptions) resume(c echo.Context, actor string) error {
	at, err := o.readPlace(c)
	if err != nil {
		return err
	}
	ended, err := o.Outbox.Resume(c.Request().Context(), at, placeEntry(audit.DeliveryResumed, actor, at))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"agent": at.Agent, "destination": at.Destination, "ended": ended})
}

func (o *AdminOptions) readPlace(c echo.Context) (outbox.Destination, error) {
	var at outbox.Destination
	err := readAction(c, &at)
	if err == nil && at.Agent == "" {
		err = fmt.Errorf(`%w: say whose: "agent"`, hooks.ErrMalformed)
	}
	return at, err
}

func placeEntry(kind audit.Kind, actor string, at outbox.Destination) audit.Entry {
	return audit.Entry{At: time.Now(), Kind: kind, Actor: actor, Agents: []string{at.Agent}, Destination: at.Destination}
}
