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
	"runtime"
	"sync"
)

// Redacted is what a Value prints as, in every encoding.
const Redacted = "[redacted]"

// ErrWiped is returned by Expose after Wipe.
var ErrWiped = errors.New("value was wiped")

// Value is the bytes of one secret. The zero Value is empty and usable.
// All methods are safe for concurrent use; Wipe waits for running Expose calls.
// A Value must not be copied.
//
// The bytes are outside the Go heap, locked into memory where the system allows
// it, and left out of core dumps. A Value that is dropped without Wipe is wiped
// when the garbage collector finds it.
type Value struct {
	mu sync.RWMutex
	// bytes are a slot's first bytes, with the slot's capacity.
	bytes   []byte
	dropped runtime.Cleanup
	wiped   bool
}

// New moves b into a Value: b is the caller's, but is cleared.
func New(b []byte) *Value {
	v := Copy(b)
	clear(b)
	return v
}

// Copy returns a Value with its own copy of b. The caller still owns, and
// should wipe, b.
func Copy(b []byte) *Value {
	v := &Value{}
	v.copy(b)
	return v
}

// Produce returns a Value of the bytes that make returns, which are cleared; so
// are those that it returns beside an error. make runs as the use of Expose
// does, and must keep no other copy of the bytes.
func Produce(make func() ([]byte, error)) (*Value, error) {
	v := &Value{}
	var err error
	do(func() {
		var b []byte
		b, err = make()
		defer clear(b)
		if err == nil {
			v.copy(b)
		}
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Expose calls use with the bytes of the value and returns what use returns.
// use must neither keep nor change the bytes: their memory is another value's
// after Wipe. Expose returns ErrWiped, without calling use, once the value was
// wiped.
//
// In a program built with GOEXPERIMENT=runtimesecret, use runs inside
// [runtime/secret.Do]: what it leaves in registers and on its stack is erased
// before Expose returns, and what it allocated when the garbage collector finds
// it unused. This does not extend to goroutines that use starts, each of which
// calls Expose itself.
func (v *Value) Expose(use func(plaintext []byte) error) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.wiped {
		return ErrWiped
	}
	var err error
	do(func() { err = use(v.bytes[:len(v.bytes):len(v.bytes)]) })
	return err
}

// Forget erases now what uses of Expose have left on the heap and nobody refers
// to any more, rather than when the garbage collector next runs. It does nothing
// in a program that was not built with GOEXPERIMENT=runtimesecret, which erases
// nothing there. It takes as long as a collection: it is for the end of what a
// short process does with a value.
func Forget() { forget() }

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
	v.release()
	v.wiped = true
}

// copy puts a copy of b into v, which is not shared yet or locked.
func (v *Value) copy(b []byte) {
	slot := allocate(len(b))
	copy(slot, b)
	v.hold(slot[:len(b)])
}

// hold gives v the first bytes of a slot, and has the slot released with v.
func (v *Value) hold(bytes []byte) {
	v.bytes = bytes
	if bytes != nil {
		v.dropped = runtime.AddCleanup(v, release, bytes)
	}
}

// release gives the slot back, wiped.
func (v *Value) release() {
	v.dropped.Stop()
	release(v.bytes)
	v.bytes = nil
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
	v.release()
	v.copy(text)
	v.wiped = false
	return nil
}
