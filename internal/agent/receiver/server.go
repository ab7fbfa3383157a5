package receiver

import (
	"crypto/tls"
	"fmt"
	stdlog "log"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	shared "github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/servercert"
)

// The limits of a connection, whose client is the service.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 20 * time.Second
	writeTimeout      = readTimeout + answerWithin + 5*time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// NewServer makes the server, with every limit set, that accepts connections of
// the service alone.
func NewServer(c *config.Config, accept Accept, log zerolog.Logger) (*http.Server, error) {
	certificate, err := servercert.Load(c.Path(c.Receive.CertFile), c.Path(c.Receive.KeyFile), log)
	if err != nil {
		return nil, err
	}
	service, err := newClientVerifier(c)
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	secure := certificate.TLSConfig()
	secure.ClientAuth = tls.RequireAnyClientCert
	// It is called for resumed connections as well, unlike VerifyPeerCertificate.
	secure.VerifyConnection = func(state tls.ConnectionState) error {
		_, err := service.Verify(&hooks.Request{ClientChain: state.PeerCertificates, Received: time.Now()})
		return err
	}
	return &http.Server{
		Handler:           New(accept, log),
		TLSConfig:         secure,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          stdlog.New(warnWriter{log}, "", 0),
	}, nil
}

func newClientVerifier(c *config.Config) (hooks.Verifier, error) {
	settings := verify.ClientCertificate{DNSNames: c.Receive.ClientNames}
	for _, fingerprint := range c.Receive.ClientPins {
		settings.Pins = append(settings.Pins, verify.CertificatePin{Certificate: fingerprint})
	}
	if c.Receive.ClientCAFile != "" {
		var err error
		if settings.Authorities, err = shared.ReadBounded(c.Path(c.Receive.ClientCAFile)); err != nil {
			return nil, err
		}
	}
	return verify.NewClientCertificate(settings)
}

// warnWriter logs what net/http complains of: connections that were refused.
type warnWriter struct{ log zerolog.Logger }

func (w warnWriter) Write(line []byte) (int, error) {
	w.log.Warn().Str("from", "net/http").Msg(string(line))
	return len(line), nil
}
