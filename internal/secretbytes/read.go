package secretbytes

import (
	"errors"
	"io"
)

// ErrTooLarge is returned by ReadFrom when the reader holds more than limit.
var ErrTooLarge = errors.New("value is larger than the limit")

// firstRead is the size of the first buffer that is read into, in bytes.
const firstRead = 4096

// ReadFrom reads r to its end into a new Value. It returns ErrTooLarge, and
// keeps nothing, when r holds more than limit bytes. Buffers outgrown on the
// way are wiped.
func ReadFrom(r io.Reader, limit int64) (*Value, error) {
	buf := allocate(int(min(limit, firstRead-1)) + 1)[:0]
	defer func() { release(buf) }()
	for {
		if len(buf) == cap(buf) {
			larger := allocate(2 * cap(buf))[:len(buf)]
			copy(larger, buf)
			release(buf)
			buf = larger
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return nil, ErrTooLarge
		case errors.Is(err, io.EOF):
			v := &Value{}
			v.hold(buf)
			buf = nil
			return v, nil
		case err != nil:
			return nil, err
		}
	}
}
