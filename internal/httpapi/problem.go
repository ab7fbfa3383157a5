package httpapi

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/storechange"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// typeBase is where the types of problems are explained. They are stable: a
// sender may decide by them.
const typeBase = "https://github.com/sealrelay/sealrelay/blob/main/docs/problems.md#"

// kind is a kind of problem, and an error of its own.
type kind struct {
	status int
	slug   string
	title  string
	// retryAfter is what the sender is told to wait; 0 for nothing.
	retryAfter time.Duration
}

func (k *kind) Error() string { return k.title }

var (
	errUnknownSource = &kind{status: http.StatusNotFound, slug: "unknown-source", title: "there is no such source"}
	errNoSecret      = &kind{status: http.StatusNotFound, slug: "no-secret", title: "the secret has no value here"}
	errMethod        = &kind{status: http.StatusMethodNotAllowed, slug: "method", title: "the source takes another method; the header Allow names it"}
	errTooLarge      = &kind{status: http.StatusRequestEntityTooLarge, slug: "body-too-large", title: "the body is larger than its limit"}
	errBusy          = &kind{status: http.StatusServiceUnavailable, slug: "busy", title: "too many requests are being worked on", retryAfter: time.Second}
	errInternal      = &kind{status: http.StatusInternalServerError, slug: "internal", title: "internal error; the service's log says more"}
	errTimeout       = &kind{status: http.StatusServiceUnavailable, slug: "unavailable", title: "the event was not committed; send it again", retryAfter: 5 * time.Second}
)

// What the admin API refuses.
var (
	errNoToken        = &kind{status: http.StatusUnauthorized, slug: "not-authenticated", title: "the request has no token of the admin API; send Authorization: Bearer TOKEN with one of admin.tokens"}
	errRole           = &kind{status: http.StatusForbidden, slug: "role", title: "the token's role only looks; this needs one of the role operator"}
	errNoDelivery     = &kind{status: http.StatusNotFound, slug: "no-delivery", title: "there is no such delivery; GET /v1/deliveries has those there are"}
	errUnknownAgent   = &kind{status: http.StatusNotFound, slug: "unknown-agent", title: "the configuration has no such agent or destination"}
	errUnknownStore   = &kind{status: http.StatusNotFound, slug: "unknown-store", title: "the configuration has no such store; GET /v1/stores has those there are"}
	errStore          = &kind{status: http.StatusBadGateway, slug: "store", title: "the store cannot be worked on now"}
	errBundle         = &kind{status: http.StatusUnprocessableEntity, slug: "bundle", title: "data is not one certificate with its private key, in a form that is read here"}
	errNotQuarantined = &kind{status: http.StatusConflict, slug: "not-quarantined", title: "the agent is not in quarantine; GET /v1/agents names those that are"}
)

// storeClasses says which kind of problem an error of work on a store is, the first that
// fits. What is none of them is errStore.
var storeClasses = []struct {
	class error
	kind  *kind
}{
	{storechange.ErrNotRecorded, &kind{status: http.StatusInternalServerError, slug: "not-recorded", title: "the store was changed, or may be, and the audit log may not have it"}},
	{storechange.ErrNotBegun, &kind{status: http.StatusServiceUnavailable, slug: errTimeout.slug, title: storechange.ErrNotBegun.Error(), retryAfter: errTimeout.retryAfter}},
	{stores.ErrPartly, &kind{status: http.StatusBadGateway, slug: "store-partly", title: "the store was changed in part"}},
	{storechange.ErrUnknownStore, errUnknownStore},
	{storechange.ErrCannot, &kind{status: http.StatusUnprocessableEntity, slug: "store-cannot", title: "a store of this kind cannot do that"}},
	{stores.ErrNotFound, &kind{status: http.StatusNotFound, slug: "no-store-entry", title: "the store has no such entry"}},
	{stores.ErrDeleted, &kind{status: http.StatusConflict, slug: "store-entry-deleted", title: "an entry of that alias was deleted, and the store keeps it for recovery"}},
	{stores.ErrExists, &kind{status: http.StatusConflict, slug: "store-entry-exists", title: "it is in the store already"}},
	{stores.ErrDenied, &kind{status: http.StatusForbidden, slug: "store-denied", title: "the store does not let this service do that; the token is not the reason"}},
	{stores.ErrInvalid, &kind{status: http.StatusUnprocessableEntity, slug: "store-invalid", title: "that cannot be in this store"}},
	{stores.ErrUnreadable, &kind{status: http.StatusBadGateway, slug: "store-unreadable", title: "the store, or the entry, cannot be read"}},
	{storechange.ErrUncertain, &kind{status: http.StatusBadGateway, slug: "store-uncertain", title: storechange.ErrUncertain.Error()}},
}

// storeProblem is what is answered to work on a store that failed. What the store says
// is sent: whoever may change it has to know why it cannot be.
func storeProblem(err error) *problem {
	if known, ok := errors.AsType[*problem](err); ok {
		return known
	}
	for _, class := range storeClasses {
		if errors.Is(err, class.class) {
			return &problem{kind: class.kind, detail: err.Error(), reason: err}
		}
	}
	return &problem{kind: errStore, detail: err.Error(), reason: err}
}

// classes says which kind of problem an error of another package is. What is
// none of them is internal, and its words are not sent.
var classes = []struct {
	class error
	kind  *kind
}{
	// First, as it wraps what its verifier says.
	{mailbox.ErrNotAgent, &kind{status: http.StatusUnauthorized, slug: "not-the-agent", title: "the request is not shown to be the agent's"}},
	{hooks.ErrUnauthenticated, &kind{status: http.StatusUnauthorized, slug: "not-authenticated", title: "the request is not the source's"}},
	{enrol.ErrMalformed, &kind{status: http.StatusBadRequest, slug: "malformed", title: "the request cannot be read"}},
	{enrol.ErrRefused, &kind{status: http.StatusUnauthorized, slug: "not-enrolled", title: "the enrolment is not shown to be the agent's"}},
	{enrol.ErrKey, &kind{status: http.StatusUnprocessableEntity, slug: "key-not-enrolled", title: "the key cannot be enrolled"}},
	{hooks.ErrMediaType, &kind{status: http.StatusUnsupportedMediaType, slug: "media-type", title: "the body's media type is not taken"}},
	{hooks.ErrNoValue, &kind{status: http.StatusUnprocessableEntity, slug: "no-value", title: "the event has no value to seal"}},
	{hooks.ErrMalformed, &kind{status: http.StatusBadRequest, slug: "malformed", title: "the request cannot be read"}},
	{intake.ErrForbidden, &kind{status: http.StatusForbidden, slug: "forbidden", title: "the source may not do that"}},
	{intake.ErrNoRoute, &kind{status: http.StatusUnprocessableEntity, slug: "no-route", title: "nobody would get the secret"}},
	{intake.ErrReplayed, &kind{status: http.StatusConflict, slug: "replayed", title: "the request was sent before"}},
	{intake.ErrRecipientsChanged, &kind{status: http.StatusConflict, slug: "recipients-changed", title: "what was sealed is not for those who get the secret now"}},
	{mailbox.ErrNoEntry, &kind{status: http.StatusNotFound, slug: "no-entry", title: "nothing of that ID waits for the agent"}},
	{mailbox.ErrNotDelivered, &kind{status: http.StatusNotFound, slug: "not-delivered", title: "nothing that the receipt is of was delivered"}},
	{mailbox.ErrForged, &kind{status: http.StatusUnprocessableEntity, slug: "receipt-signature", title: "the receipt is not signed by the agent"}},
	{mailbox.ErrMismatch, &kind{status: http.StatusUnprocessableEntity, slug: "receipt-mismatch", title: "the receipt is not of what the agent was given"}},
	{mailbox.ErrLate, &kind{status: http.StatusConflict, slug: "receipt-late", title: "the receipt is of a version that a newer one has replaced"}},
	{mailbox.ErrRunLost, &kind{status: http.StatusConflict, slug: "run-lost", title: "the agent does not have that run, or not any more"}},
	{outbox.ErrOutput, &kind{status: http.StatusConflict, slug: "output", title: "the chunk is not the next one of the output, or too much"}},
	{jobs.ErrUnknownJob, &kind{status: http.StatusNotFound, slug: "unknown-job", title: "the configuration has no such job; GET /v1/jobs has those there are"}},
	{outbox.ErrNoRun, &kind{status: http.StatusNotFound, slug: "no-run", title: "there is no such run, or it has ended; GET /v1/runs has those there are"}},
	{jobs.ErrNoSchedule, &kind{status: http.StatusConflict, slug: "no-schedule", title: "the job has no schedule"}},
	{jobs.ErrNotFailed, &kind{status: http.StatusConflict, slug: "not-failed", title: "the run is not one that failed, warned or was cancelled"}},
	{jobs.ErrParameters, &kind{status: http.StatusUnprocessableEntity, slug: "parameters", title: "the job does not take these parameters"}},
	{jobs.ErrNotSigned, &kind{status: http.StatusUnprocessableEntity, slug: "not-signed", title: "the request for a certificate was not signed"}},
	{mailbox.ErrAgentWaits, &kind{status: http.StatusTooManyRequests, slug: "agent-waits", title: "the agent waits in other requests", retryAfter: 5 * time.Second}},
	{mailbox.ErrFull, &kind{status: http.StatusServiceUnavailable, slug: errBusy.slug, title: errBusy.title, retryAfter: 5 * time.Second}},
	{intake.ErrKeyRefused, &kind{status: http.StatusUnprocessableEntity, slug: "key-refused", title: "an agent's key fails the policy"}},
}

// problem is a kind of problem with what is known of this one.
type problem struct {
	*kind
	// detail is sent.
	detail string
	// reason is logged.
	reason error
}

func (p *problem) Error() string { return p.title }

func problemOf(err error) *problem {
	var own *kind
	if errors.As(err, &own) {
		return &problem{kind: own, detail: err.Error(), reason: err}
	}
	for _, class := range classes {
		if errors.Is(err, class.class) {
			return &problem{kind: class.kind, detail: err.Error(), reason: err}
		}
	}
	var tooFast *intake.RateError
	if errors.As(err, &tooFast) {
		k := &kind{status: http.StatusTooManyRequests, slug: "rate", title: "the source sends too much", retryAfter: tooFast.RetryAfter}
		return &problem{kind: k, detail: err.Error(), reason: err}
	}
	if errors.Is(err, hooks.ErrUnavailable) || errors.Is(err, outbox.ErrUnavailable) || errors.Is(err, outbox.ErrAmbiguous) || isContext(err) {
		// The cause names files of this machine: it is logged, not sent.
		return &problem{kind: errTimeout, detail: errTimeout.title, reason: err}
	}
	return &problem{kind: errInternal, detail: errInternal.title, reason: err}
}

// answerProblem writes an error as problem+json (RFC 9457).
func answerProblem(c echo.Context, log zerolog.Logger, err error) {
	if c.Response().Committed {
		return
	}
	p := asProblem(err)
	if p.retryAfter > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if p.status == http.StatusUnauthorized {
		// RFC 9110 section 15.5.2 wants a challenge with each 401.
		c.Response().Header().Set("WWW-Authenticate", `Bearer realm="sealrelay"`)
	}
	body, err := json.Marshal(wire.Problem{Type: typeBase + p.slug, Title: p.title, Status: p.status, Detail: p.detail})
	if err == nil {
		err = c.Blob(p.status, wire.ProblemType, body)
	}
	if err != nil {
		log.Debug().Err(err).Msg("problem could not be written")
	}
}

func asProblem(err error) *problem {
	var known *problem
	if errors.As(err, &known) {
		return known
	}
	var routing *echo.HTTPError
	if !errors.As(err, &routing) {
		return problemOf(err)
	}
	k := &kind{status: routing.Code, slug: "http", title: http.StatusText(routing.Code)}
	switch routing.Code {
	case http.StatusNotFound:
		k.slug, k.title = "not-found", "there is nothing at this address; hooks go to /v1/hooks/SOURCE, agents to /v1/mailbox"
	case http.StatusMethodNotAllowed:
		k.slug, k.title = errMethod.slug, "this address takes another method; the header Allow names it"
	}
	return &problem{kind: k, detail: k.title, reason: err}
}
