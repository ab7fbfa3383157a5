// Package httpapi is the HTTP side: routes, problem+json, TLS. It is the only
// package that imports Echo.
package httpapi

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/intake"
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
	// MaxInFlight is how many hooks are worked on at once.
	MaxInFlight int
	Observer    Observer
	Log         zerolog.Logger
}

// New makes the handler that password managers call.
func New(o Options) http.Handler {
	e := newEcho(o.Log)
	e.IPExtractor = ipExtractor(o.TrustedProxies)
	api := &hooksAPI{Options: o, slots: make(chan struct{}, o.MaxInFlight)}
	e.POST("/v1/hooks/:source", api.receive)
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
// that is not a trusted proxy's, if the connection comes from one.
func ipExtractor(trusted []netip.Prefix) echo.IPExtractor {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, prefix := range trusted {
		options = append(options, echo.TrustIPRange(&net.IPNet{
			IP:   prefix.Masked().Addr().AsSlice(),
			Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
		}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

func clientChain(r *http.Request) []*x509.Certificate {
	if r.TLS == nil {
		return nil
	}
	return r.TLS.PeerCertificates
}
