// Package secretbytes holds the values of secrets. It is the only place in
// sealrelay where a value is kept, and the only way to its bytes is Expose,
// so that a value cannot slip into a log, an error, a metric or a page: every
// way of printing a Value gives "[redacted]".
package secretbytes

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Redacted is what a Value prints as, in every encoding.
const Redacted = "[redacted]"

// ErrWiped is returned by Expose after Wipe.
var ErrWiped = errors.New("value was wiped")

// ErrTooLarge is returned by ReadFrom when the reader holds more than limit.
var ErrTooLarge = errors.New("value is larger than the limit")

// Value is the bytes of one secret. The zero Value is empty and usable.
// All methods are safe for concurrent use; Wipe waits for running Expose calls.
// A Value must not be copied.
type Value struct {
	mu    sync.RWMutex
	bytes []byte
	wiped bool
}

// New takes ownership of b: the caller must not use b afterwards, Wipe clears it.
func New(b []byte) *Value {
	return &Value{bytes: b}
}

// Copy returns a Value with its own copy of b. The caller still owns, and
// should wipe, b.
func Copy(b []byte) *Value {
	return New(append(make([]byte, 0, len(b)), b...))
}

// ReadFrom reads r to its end into a new Value. It returns ErrTooLarge, and
// keeps nothing, when r holds more than limit bytes. Buffers outgrown on the
// way are wiped.
func ReadFrom(r io.Reader, limit int64) (*Value, error) {
	buf := make([]byte, 0, min(limit+1, 4096))
	for {
		if len(buf) == cap(buf) {
			buf = grow(buf, limit)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			clear(buf)
			return nil, ErrTooLarge
		}
		if errors.Is(err, io.EOF) {
			return New(buf), nil
		}
		if err != nil {
			clear(buf)
			return nil, err
		}
	}
}

func grow(buf []byte, limit int64) []byte {
	larger := make([]byte, len(buf), min(int64(2*cap(buf)+512), limit+512))
	copy(larger, buf)
	clear(buf)
	return larger
}

// Expose calls use with the bytes of the value and returns what use returns.
// use must neither keep nor change the bytes. Expose returns ErrWiped, without
// calling use, once the value was wiped.
func (v *Value) Expose(use func(plaintext []byte) error) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.wiped {
		return ErrWiped
	}
	return use(v.bytes)
}

// Len is the number of bytes, 0 after Wipe.
func (v *Value) Len() int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(v.bytes)
}

// Equal compares two values in time that depends on their lengths only.
// A wiped value is equal to nothing.
func (v *Value) Equal(other *Value) bool {
	equal := false
	_ = v.Expose(func(a []byte) error {
		return other.Expose(func(b []byte) error {
			equal = subtle.ConstantTimeCompare(a, b) == 1
			return nil
		})
	})
	return equal
}

// Wipe overwrites the bytes with zeros and releases them. It may be called
// more than once, and on a nil Value.
func (v *Value) Wipe() {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.bytes)
	v.bytes, v.wiped = nil, true
}

// Format implements fmt.Formatter for every verb.
func (v *Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// String implements fmt.Stringer.
func (v *Value) String() string { return Redacted }

// MarshalText implements encoding.TextMarshaler, and by it JSON and YAML.
func (v *Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// UnmarshalText implements encoding.TextUnmarshaler: the text is the value.
// It lets a configuration hold a secret without any other type seeing it.
func (v *Value) UnmarshalText(text []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.bytes)
	v.bytes, v.wiped = append([]byte(nil), text...), false
	return nil
}
