package js7

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// pattern is what so many bytes of a file hold.
type pattern struct{ at, size int }

func (p *pattern) Read(buf []byte) (int, error) {
	n := min(len(buf), p.size-p.at)
	if n == 0 {
		return 0, io.EOF
	}
	for i := range buf[:n] {
		at := p.at + i
		buf[i] = byte(at ^ at>>8 ^ at>>16)
	}
	p.at += n
	return n, nil
}

// TestFileMemory seals and opens 64 MiB. All that is allocated on the way,
// whether it is freed or not, is less than one of them.
func TestFileMemory(t *testing.T) {
	const size = 64<<20 + 5
	recipient, identity := readPair(t, "p256")
	file, err := os.Create(filepath.Join(t.TempDir(), "sealed"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // It is read only.
	sent, received := sha256.New(), sha256.New()
	var header string
	wantSmall(t, "seal", func() {
		header, err = recipient.SealFile(io.TeeReader(&pattern{size: size}, sent), file)
	})
	if err != nil {
		t.Fatal(err)
	}
	if at, err := file.Seek(0, io.SeekCurrent); err != nil || at != (size/16+1)*blockText {
		t.Errorf("sealed to %d characters, %v", at, err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	wantSmall(t, "open", func() { err = identity.OpenFile(header, file, received) })
	if err != nil || !bytes.Equal(sent.Sum(nil), received.Sum(nil)) {
		t.Errorf("opened to something else, %v", err)
	}
}

func wantSmall(t *testing.T, name string, work func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%s: %d bytes were allocated", name, used)
	}
}
