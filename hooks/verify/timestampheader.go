package verify

import (
	"errors"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// timestampHeader is the header that has the time of a signature.
type timestampHeader struct {
	name      string
	format    timeFormat
	tolerance time.Duration
}

// newTimestamp is nil where no time is signed.
func newTimestamp(settings HMAC, parts []part) (*timestampHeader, error) {
	signed := false
	for _, p := range parts {
		signed = signed || p.kind == "timestamp"
	}
	if signed != (settings.TimestampHeader != "") {
		return nil, errors.New("timestamp_header and the part timestamp of signed go together: a time that is not signed proves nothing")
	}
	if !signed {
		if settings.TimestampFormat != "" || settings.Tolerance != 0 {
			return nil, errors.New("timestamp_format and tolerance go with timestamp_header only")
		}
		return nil, nil
	}
	name := settings.TimestampFormat
	if name == "" {
		name = "s"
	}
	format, found := timeFormats[name]
	if !found {
		return nil, errors.New("timestamp_format is none of s, ms and rfc3339")
	}
	header, err := headerName(settings.TimestampHeader)
	if err != nil {
		return nil, fmt.Errorf("timestamp_header %w", err)
	}
	tolerance, err := checkTolerance(settings.Tolerance)
	if err != nil {
		return nil, err
	}
	return &timestampHeader{name: header, format: format, tolerance: tolerance}, nil
}

// read is the header's text and the time that it says, if that is fresh.
func (h *timestampHeader) read(r *hooks.Request) (string, time.Time, error) {
	text, err := single(r.Header, h.name)
	if err != nil {
		return "", time.Time{}, err
	}
	at, err := readTime(h.format, "header "+h.name, text)
	if err != nil {
		return "", time.Time{}, err
	}
	return text, at, checkFresh(r.Received, at, h.tolerance)
}
