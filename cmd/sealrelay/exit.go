package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/push"
)

// The exit codes; docs/cli.md has them too.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotOpened   = 3
	exitAttention   = 4
	exitUnavailable = 5
)

const exitCodeHelp = `Exit codes: 0 done; 1 failed; 2 wrong usage; 3 an envelope, statement or
key was refused (wrong key, damaged, forged); 4 done, but something needs attention
(a key fails the policy, a check found something); 5 the other side is not
available now, try again.`

// usageError is a command line that cannot be carried out.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usageErrorf(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errAttention ends a command that did its work and found something.
type errAttention struct{ text string }

func (e errAttention) Error() string { return e.text }

func exitCode(err error) int {
	var usage usageError
	var attention errAttention
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &attention):
		return exitAttention
	case notOpened(err):
		return exitNotOpened
	case temporary(err):
		return exitUnavailable
	}
	return exitFailed
}

// temporary says that the same command may succeed later: the outbox or the
// server is not available, or was not reached.
func temporary(err error) bool {
	var unreached *url.Error
	var refused *push.ProblemError
	if errors.As(err, &refused) {
		return refused.StatusCode == http.StatusTooManyRequests || refused.StatusCode >= http.StatusInternalServerError
	}
	return errors.As(err, &unreached) || errors.Is(err, outbox.ErrUnavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func notOpened(err error) bool {
	for _, class := range []error{
		crypto.ErrNoMatch, crypto.ErrDamaged, crypto.ErrMalformed, crypto.ErrForbidden, crypto.ErrUnsupportedKey,
		statement.ErrSignature, statement.ErrMismatch,
	} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}
