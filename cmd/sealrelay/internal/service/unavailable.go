package service

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// Unavailable says that the same command may succeed later: the outbox or the
// server is not available, or was not reached.
func Unavailable(err error) bool {
	var unreached *url.Error
	var refused *wire.ProblemError
	if errors.As(err, &refused) {
		return refused.StatusCode == http.StatusTooManyRequests || refused.StatusCode >= http.StatusInternalServerError
	}
	return errors.As(err, &unreached) || errors.Is(err, outbox.ErrUnavailable)
}
