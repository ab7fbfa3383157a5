package files_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
)

// TestDenied: what must not be read is told, each by itself, and ends nothing.
func TestDenied(t *testing.T) {
	dir := plant(t, map[string]string{"a/a.p12": "modern.p12", "b/b.p12": "modern.p12", "b/c.p12": "modern.p12", "d/d.p12": "modern.p12"})
	for name, mode := range map[string]os.FileMode{"..": 0o755, ".": 0o755, "a": 0, "b/b.p12": 0, "b/c.p12": 0o644, "d/d.p12": 0o644} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	asNobody(t)
	all, _ := found(t, dir, search(dir))
	expect(t, all, "files a", "files b/b.p12", "pkcs12 b/c.p12", "pkcs12 d/d.p12")
	for _, key := range []string{"files a", "files b/b.p12"} {
		if !errors.Is(all[key].Problem, stores.ErrDenied) {
			t.Errorf("%s is %v", key, all[key].Problem)
		}
	}
}

// asNobody has the rest of the test, which is one goroutine, work on files as somebody
// who is not root.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	const nobody = 65534
	if _, err := unix.SetfsuidRetUid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := unix.SetfsuidRetUid(0); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
}

// TestSpecial: a FIFO would keep who opens it waiting, and a device may do anything.
func TestSpecial(t *testing.T) {
	dir := plant(t, map[string]string{"a.p12": "modern.p12"})
	if err := unix.Mkfifo(filepath.Join(dir, "fifo.pem"), 0o666); err != nil {
		t.Fatal(err)
	}
	all, _ := found(t, dir, search(dir))
	expect(t, all, "pkcs12 a.p12")
}

// TestOneFileSystem: another file system is left out when told, and only then.
func TestOneFileSystem(t *testing.T) {
	var shm, temporary unix.Stat_t
	if unix.Stat("/dev/shm", &shm) != nil || unix.Stat("/dev", &temporary) != nil || shm.Dev == temporary.Dev {
		t.Skip("/dev/shm is no file system of its own")
	}
	inner, err := os.MkdirTemp("/dev/shm", "sealrelay")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(inner); err != nil {
			t.Error(err)
		}
	})
	data, err := os.ReadFile("../../../crypto/keys/testdata/modern.p12")
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(inner, "a.p12"), data)
	for alone, want := range map[bool]bool{false: true, true: false} {
		s := search("/dev")
		s.OneFileSystem, s.Depth = alone, 2
		all, _ := found(t, inner, s)
		if _, got := all["pkcs12 a.p12"]; got != want {
			t.Errorf("with one file system %v it is found: %v", alone, got)
		}
	}
}
