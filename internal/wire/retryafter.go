package wire

import (
	"net/http"
	"strconv"
	"time"
)

// RetryAfter reads the two forms of the header, seconds and HTTP date (RFC 9110,
// section 10.2.3); 0 for anything else, and for a time that is past.
func RetryAfter(header string, now time.Time) time.Duration {
	if header == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
