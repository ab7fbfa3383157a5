package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
)

// The exit codes; docs/cli.md has them too.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitNotOpened   = 3
	ExitAttention   = 4
	ExitUnavailable = 5
	// ExitSpooled: the other side is away, and what was to be sent is kept.
	ExitSpooled = 6
	// ExitLost: what was kept cannot be sent any more.
	ExitLost = 7
	// ExitInterrupted is what a shell says of a program that SIGINT ended.
	ExitInterrupted = 130
)

const exitCodeHelp = `Exit codes: 0 done; 1 failed; 2 wrong usage; 3 an envelope, statement or
key was refused (wrong key, damaged, forged); 4 done, but something needs attention
(a key fails the policy, a check found something); 5 the other side is not
available now, try again; 6 the service is not available now, the sealed event is kept and
sent later; 7 what was kept cannot be sent any more, push it again; 130
interrupted.`

// ErrSilent ends a command that failed and has said why itself.
var ErrSilent = errors.New("already told")

// usageError is a command line that cannot be carried out.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// UsageErrorf is the error of a command line that cannot be carried out.
func UsageErrorf(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// attention ends a command that did its work and found something.
type attention struct{ text string }

func (e attention) Error() string { return e.text }

// Attentionf is the error of a command that did its work and found something.
func Attentionf(format string, args ...any) error { return attention{fmt.Sprintf(format, args...)} }

// codedError has an exit code of its own.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

// WithCode is err for a command whose exit codes are not those above, because it
// stands in for another program.
func WithCode(err error, code int) error { return codedError{err, code} }

// ExitCode is the exit code of a command that returned err.
func ExitCode(err error) int {
	var usage usageError
	var found attention
	var coded codedError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &usage):
		return ExitUsage
	case errors.As(err, &found):
		return ExitAttention
	case notOpened(err):
		return ExitNotOpened
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return ExitUnavailable
	}
	return ExitFailed
}

func notOpened(err error) bool {
	for _, class := range []error{
		crypto.ErrNoMatch, crypto.ErrDamaged, crypto.ErrMalformed, crypto.ErrForbidden, crypto.ErrUnsupportedKey,
		statement.ErrSignature, statement.ErrMismatch,
		recipientset.ErrSignature, recipientset.ErrMismatch, recipientset.ErrExpired, recipientset.ErrKey,
		receipt.ErrSignature, receipt.ErrMismatch,
	} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}
