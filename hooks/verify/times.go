package verify

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// Bounds of signed times.
const (
	defaultTolerance = 5 * time.Minute
	maxTolerance     = time.Hour
)

// checkTolerance is a configured tolerance, or the one that stands for none.
func checkTolerance(tolerance time.Duration) (time.Duration, error) {
	if tolerance == 0 {
		return defaultTolerance, nil
	}
	if tolerance < time.Second || tolerance > maxTolerance || tolerance%time.Second != 0 {
		return 0, fmt.Errorf("tolerance is %v; whole seconds from 1s to %v are allowed", tolerance, maxTolerance)
	}
	return tolerance, nil
}

// checkFresh compares whole seconds, as most senders count them, and accepts a
// time that is exactly at the edge.
func checkFresh(received, at time.Time, tolerance time.Duration) error {
	off := received.Unix() - at.Unix()
	if limit := int64(tolerance / time.Second); off < -limit || off > limit {
		return fmt.Errorf("%w: timestamp outside ±%s: check the sender's clock", hooks.ErrUnauthenticated, shortDuration(tolerance))
	}
	return nil
}

// shortDuration writes 5m0s as 5m.
func shortDuration(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return d.String()
}

// timeFormat is a form in which senders write times.
type timeFormat struct {
	// words say it in errors.
	words string
	read  func(text string) (time.Time, bool)
}

// timeFormats are those that a configuration can name.
var timeFormats = map[string]timeFormat{
	"s": {"decimal seconds since 1970", func(text string) (time.Time, bool) {
		n, ok := readCount(text, maxSecondsLen)
		return time.Unix(n, 0), ok
	}},
	"ms": {"decimal milliseconds since 1970", func(text string) (time.Time, bool) {
		n, ok := readCount(text, maxSecondsLen+3)
		return time.UnixMilli(n), ok
	}},
	"rfc3339": {"a time of RFC 3339", func(text string) (time.Time, bool) {
		at, err := time.Parse(time.RFC3339, text)
		return at, err == nil
	}},
}

// maxSecondsLen is the longest count of seconds, in digits.
const maxSecondsLen = 12

// readCount reads a decimal number in its one canonical form.
func readCount(text string, maxLen int) (int64, bool) {
	n, err := strconv.ParseUint(text, 10, 63)
	return int64(n), err == nil && len(text) <= maxLen && (len(text) == 1 || text[0] != '0')
}

// readTime reads the time that where names. The zero time is none of a sender's.
func readTime(format timeFormat, where, text string) (time.Time, error) {
	at, ok := format.read(text)
	if !ok || at.IsZero() {
		return time.Time{}, fmt.Errorf("%w: %s is not %s", hooks.ErrUnauthenticated, where, format.words)
	}
	return at, nil
}
