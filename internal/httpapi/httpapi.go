// Package httpapi is the HTTP side: routes, problem+json, TLS. It is the only
// package that imports Echo.
package httpapi

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/mailbox"
)

// Observer is told of each hook request that was answered. problem is the last
// part of the problem's type, or the status of the answer.
type Observer interface {
	Hook(source, outcome string, took time.Duration)
}

// Options are what the public handler needs; all are required but
// TrustedProxies.
type Options struct {
	Intake *intake.Intake
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// MaxInFlight is how many hooks are worked on at once. The bodies of four
	// times as many may be arriving.
	MaxInFlight int
	// Recipients signs the sets of recipients for sources that seal.
	Recipients *recipientset.Signer
	// Mailbox is what agents ask, and what takes their receipts.
	Mailbox *mailbox.Mailbox
	// Enrolments takes the keys of agents.
	Enrolments *enrol.Desk
	Observer   Observer
	Log        zerolog.Logger
}

// New makes the handler that password managers and agents call.
func New(o Options) http.Handler {
	e := newEcho(o.Log)
	e.IPExtractor = ipExtractor(o.TrustedProxies)
	api := &hooksAPI{Options: o, reading: make(slots, readersPerWorker*o.MaxInFlight), working: make(slots, o.MaxInFlight)}
	e.Any("/v1/hooks/:source", api.receive)
	// Delinea's senders put a path of their own behind the address they are
	// given.
	e.Any("/v1/hooks/:source/api/secretchanged", api.receive)
	e.POST("/v1/hooks/:source/sealed", api.receiveSealed)
	e.GET("/v1/recipients", api.recipients)
	agents := &mailboxAPI{Mailbox: o.Mailbox, log: o.Log, reading: api.reading, working: api.working}
	e.GET("/v1/mailbox", agents.list)
	e.GET("/v1/mailbox/:id", agents.fetch)
	e.POST("/v1/mailbox/:id/receipt", agents.acknowledge)
	e.POST("/v1/receipts", agents.report)
	e.POST("/v1/mailbox/jobs/claim", agents.claim)
	e.POST("/v1/mailbox/jobs/:id/extend", agents.extend)
	e.POST("/v1/mailbox/jobs/:id/output", agents.output)
	e.POST("/v1/mailbox/jobs/:id/sign", agents.sign)
	e.POST("/v1/mailbox/jobs/:id/end", agents.end)
	enrolments := &enrolAPI{Desk: o.Enrolments, log: o.Log, working: api.working}
	e.POST("/v1/enrolments", enrolments.register)
	return e
}

// newEcho makes an Echo whose errors are problems and whose panics stay inside.
func newEcho(log zerolog.Logger) *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) { answerProblem(c, log, err) }
	e.Use(recoverPanic(log), noStore)
	return e
}

// recoverPanic answers 500. The panic's own text is not logged: it could hold
// what was being worked on.
func recoverPanic(log zerolog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				if cause := recover(); cause != nil {
					log.Error().Str("panic", fmt.Sprintf("%T", cause)).Bytes("stack", debug.Stack()).Msg("request panicked")
					err = errInternal
				}
			}()
			return next(c)
		}
	}
}

func noStore(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "no-store")
		return next(c)
	}
}

// ipExtractor finds the sender's address: the rightmost in X-Forwarded-For
// that is not a trusted proxy's, if the connection comes from one. It finds
// none, which is refused wherever it matters, when what a trusted proxy says
// cannot be read: Echo's own extractor would then take the proxy for the
// sender, and let in everybody behind it.
func ipExtractor(trusted []netip.Prefix) echo.IPExtractor {
	return func(r *http.Request) string {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			return ""
		}
		address := peer.Addr().Unmap()
		headers := r.Header.Values(echo.HeaderXForwardedFor)
		if len(headers) == 0 {
			return address.String()
		}
		hops := strings.Split(strings.Join(headers, ","), ",")
		for i := len(hops) - 1; i >= 0 && isTrusted(trusted, address); i-- {
			if address, err = parseHop(strings.TrimSpace(hops[i])); err != nil {
				return ""
			}
		}
		return address.String()
	}
}

func isTrusted(trusted []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(address.WithZone("")) })
}

// parseHop reads an address of X-Forwarded-For. Some proxies add the port.
func parseHop(hop string) (netip.Addr, error) {
	if peer, err := netip.ParseAddrPort(hop); err == nil {
		return peer.Addr().Unmap(), nil
	}
	address, err := netip.ParseAddr(strings.Trim(hop, "[]"))
	return address.Unmap(), err
}

func clientChain(r *http.Request) []*x509.Certificate {
	if r.TLS == nil {
		return nil
	}
	return r.TLS.PeerCertificates
}
