package https

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/sealrelay/sealrelay/internal/netguard"
)

// failureError is a failure to get an answer, in words of ours. The library's
// have the URL, which may hold a credential, and what the receiver sent.
type failureError struct {
	text string
	err  error
}

func (e *failureError) Error() string { return e.text }

// Unwrap returns the cause.
func (e *failureError) Unwrap() error { return e.err }

func (d *Destination) failure(err error) error {
	return &failureError{d.explain(err), err}
}

// explain finds the words for the kinds of failures there are.
func (d *Destination) explain(err error) string {
	if refused, ok := errors.AsType[*netguard.RefusedError](err); ok {
		return refused.Error() + " (setting allow)"
	}
	if unresolved, ok := errors.AsType[*net.DNSError](err); ok {
		return "the receiver's name cannot be resolved: " + unresolved.Err
	}
	if text := explainTLS(err); text != "" {
		return text
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %v", d.timeout)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no connection within %v", connectTimeout)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended before the answer did"
	}
	if system, ok := errors.AsType[*os.SyscallError](err); ok {
		return explainSystem(system)
	}
	return "the receiver does not answer as an HTTP server does over TLS; check url and proxy"
}

// explainSystem is about connections that cannot be made, or break.
func explainSystem(err *os.SyscallError) string {
	text := "the connection failed: " + err.Error()
	if err.Syscall == "connect" {
		return text
	}
	// With TLS 1.3 a client certificate is refused only after the handshake, and
	// the alert that says so may be lost with the connection.
	return text + "; if it is so each time, does the receiver know the client certificate?"
}

// explainTLS is empty if TLS is not what failed.
func explainTLS(err error) string {
	if pinned, ok := errors.AsType[*pinError](err); ok {
		return pinned.Error()
	}
	if own, ok := errors.AsType[*certificateError](err); ok {
		return own.Error()
	}
	// An alert of the other side (RFC 8446, section 6) has no type of its own.
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		return "the receiver ended the connection: " + alert.Err.Error() + "; does it know the client certificate?"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
		return ""
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the receiver's certificate is for another host than that of url"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the receiver's certificate is of an authority that is not trusted; set ca_file or pins"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "the receiver's certificate has expired or is not yet valid"
	}
	return "the receiver's certificate cannot be verified"
}
