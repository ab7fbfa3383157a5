package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	stdlog "log"
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

// The limits of a connection. A hook is a small request: whoever takes longer
// is broken or hostile.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 20 * time.Second
	writeTimeout      = 40 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// NewServer makes a server with every limit set. tlsConfig is nil for plain
// HTTP.
func NewServer(handler http.Handler, tlsConfig *tls.Config, log zerolog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		TLSConfig:         tlsConfig,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          stdlog.New(debugWriter{log}, "", 0),
	}
}

// debugWriter logs what net/http complains of, mostly broken handshakes of
// scanners.
type debugWriter struct{ log zerolog.Logger }

func (w debugWriter) Write(line []byte) (int, error) {
	w.log.Debug().Str("from", "net/http").Msg(string(line))
	return len(line), nil
}

var _ io.Writer = debugWriter{}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
