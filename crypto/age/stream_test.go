package age

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/sealrelay/sealrelay/crypto"
)

const (
	// chunk is the plaintext of one chunk, sealedChunk with its tag.
	chunk       = 64 << 10
	sealedChunk = chunk + 16
)

func sealStreamed(t testing.TB, plaintext []byte, recipients ...crypto.Recipient) []byte {
	t.Helper()
	var envelope bytes.Buffer
	w, err := Format.Stream.Seal(&envelope, recipients...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, iotest.HalfReader(bytes.NewReader(plaintext))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return envelope.Bytes()
}

func TestStream(t *testing.T) {
	plaintext := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	for _, kind := range kinds {
		recipient, identity := newPair(t, kind)
		sealed := sealStreamed(t, plaintext, recipient)
		for name, envelope := range map[string][]byte{"raw": sealed, "armor": form(t, "armor", sealed)} {
			r, err := Format.Stream.Open(iotest.HalfReader(bytes.NewReader(envelope)), identity)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("%s, %s: got %d bytes, %v", kind, name, len(got), err)
			}
			if got, err := identity.Open(envelope); err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("%s, %s at once: got %d bytes, %v", kind, name, len(got), err)
			}
		}
	}
}

// TestStreamCut cuts a stream at and beside each boundary of its chunks. What
// was read until then is the beginning of the plaintext, and the end is never
// taken for the true one.
func TestStreamCut(t *testing.T) {
	recipient, identity := newPair(t, "age")
	plaintext := bytes.Repeat([]byte("0123456789abcdef"), 3*chunk/16)
	sealed := sealStreamed(t, plaintext, recipient)
	payload := len(sealed) - 3*sealedChunk
	for i := range 4 {
		for _, at := range []int{-17, -1, 0, 1, 17} {
			n := payload + i*sealedChunk + at
			if n >= len(sealed) {
				continue
			}
			want := crypto.ErrDamaged
			if n < payload {
				want = crypto.ErrMalformed
			}
			r, err := Format.Stream.Open(bytes.NewReader(sealed[:n]), identity)
			if err != nil {
				wantClass(t, err, want)
				continue
			}
			got, err := io.ReadAll(r)
			wantClass(t, err, want)
			if !bytes.HasPrefix(plaintext, got) {
				t.Errorf("cut at %d: what was read is not the beginning of the plaintext", n)
			}
			if whole, err := identity.Open(sealed[:n]); whole != nil || err == nil {
				t.Errorf("cut at %d: opened at once to %d bytes, %v", n, len(whole), err)
			}
		}
	}
}

// TestStreamDamaged changes a byte of the second chunk: the first is read.
func TestStreamDamaged(t *testing.T) {
	recipient, identity := newPair(t, "age")
	sealed := sealStreamed(t, make([]byte, 3*chunk), recipient)
	sealed[len(sealed)-sealedChunk-1] ^= 1
	r, err := Format.Stream.Open(bytes.NewReader(sealed), identity)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if len(got) != chunk {
		t.Errorf("read %d bytes, want those of one chunk", len(got))
	}
	wantClass(t, err, crypto.ErrDamaged)
	if _, again := r.Read(make([]byte, 1)); !errors.Is(again, crypto.ErrDamaged) {
		t.Errorf("read again: %v", again)
	}
}

// TestStreamErrorsPassThrough: an error of reader or writer comes back as it
// is, since the envelope is not at fault.
func TestStreamErrorsPassThrough(t *testing.T) {
	recipient, identity := newPair(t, "age")
	sealed := sealStreamed(t, make([]byte, 2*chunk), recipient)
	broken := errors.New("broken")
	for _, n := range []int{0, 10, len(sealed) - chunk, len(sealed)} {
		src := io.MultiReader(bytes.NewReader(sealed[:n]), iotest.ErrReader(broken))
		r, err := Format.Stream.Open(src, identity)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		wantClass(t, err, broken)
	}
	_, err := Format.Stream.Seal(failingWriter{broken}, recipient)
	if !errors.Is(err, broken) {
		t.Errorf("seal: %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestStreamIdentities tries several identities of all kinds at once.
func TestStreamIdentities(t *testing.T) {
	var recipients []crypto.Recipient
	var identities []crypto.Identity
	for _, kind := range kinds {
		recipient, identity := newPair(t, kind)
		recipients, identities = append(recipients, recipient), append(identities, identity)
	}
	for i, recipient := range recipients {
		sealed := sealStreamed(t, []byte("value"), recipient)
		r, err := Format.Stream.Open(bytes.NewReader(sealed), identities...)
		if err != nil {
			t.Fatalf("%s: %v", kinds[i], err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "value" {
			t.Errorf("%s: got %q, %v", kinds[i], got, err)
		}
		others := append(append([]crypto.Identity{}, identities[:i]...), identities[i+1:]...)
		_, err = Format.Stream.Open(bytes.NewReader(sealed), others...)
		wantClass(t, err, crypto.ErrNoMatch)
	}
	_, err := Format.Stream.Open(bytes.NewReader(nil))
	wantClass(t, err, crypto.ErrUnsupportedKey)
	_, err = Format.Stream.Open(bytes.NewReader(nil), identities[0], foreign{})
	wantClass(t, err, crypto.ErrUnsupportedKey)
}

// foreign is a recipient and an identity of another format.
type foreign struct{}

func (foreign) KeyID() string               { return "" }
func (foreign) Seal([]byte) ([]byte, error) { return nil, nil }
func (foreign) Open([]byte) ([]byte, error) { return nil, nil }
