package durable_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/durable"
)

// private is what most callers want.
var private = durable.Options{Mode: 0o600}

func openRoot(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func wantFile(t *testing.T, name, content string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != content {
		t.Errorf("%s holds %q (error %v), want %q", filepath.Base(name), got, err, content)
	}
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if len(got) != len(want) {
		t.Fatalf("folder holds %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("folder holds %q, want %q", got, want)
		}
	}
}

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	root := openRoot(t, dir)
	for _, content := range []string{"first", "", "a longer second one"} {
		if err := durable.WriteFile(root, "name", []byte(content), private); err != nil {
			t.Fatal(err)
		}
		wantFile(t, filepath.Join(dir, "name"), content)
	}
	wantNames(t, dir, "name")
}

func TestWritePath(t *testing.T) {
	name := filepath.Join(t.TempDir(), "name")
	if err := durable.WritePath(name, []byte("content"), private); err != nil {
		t.Fatal(err)
	}
	wantFile(t, name, "content")
	if err := durable.WritePath(filepath.Join(name, "below"), nil, private); err == nil {
		t.Error("a path below a file was written")
	}
}

func TestModeIgnoresUmask(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	dir := t.TempDir()
	root := openRoot(t, dir)
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o666, 0o444} {
		opts := durable.Options{Mode: mode}
		if err := durable.WriteFile(root, "file", nil, opts); err != nil {
			t.Fatal(err)
		}
		if info, err := root.Stat("file"); err != nil || info.Mode().Perm() != mode {
			t.Errorf("file has mode %v (error %v), want %v", info.Mode().Perm(), err, mode)
		}
	}
	if err := durable.MkdirAll(root, "a/b", durable.Options{Mode: 0o777}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "a/b"} {
		if info, err := root.Stat(name); err != nil || info.Mode().Perm() != 0o777 {
			t.Errorf("folder %s has mode %v (error %v), want 0777", name, info.Mode().Perm(), err)
		}
	}
}

func TestMkdirAllKeepsWhatExists(t *testing.T) {
	root := openRoot(t, t.TempDir())
	if err := root.Mkdir("a", 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := durable.MkdirAll(root, "a/b/c", durable.Options{Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
	}
	info, err := root.Stat("a")
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("mode of the existing folder became %v", info.Mode().Perm())
	}
}

func TestErrorsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	root := openRoot(t, dir)
	if err := os.MkdirAll(filepath.Join(dir, "folder", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(root, "folder", []byte("x"), private); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if err := durable.WriteFile(root, "missing/name", []byte("x"), private); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("write into a missing folder gave %v, want fs.ErrNotExist", err)
	}
	if err := durable.Remove(root, "folder"); err == nil {
		t.Error("a full folder was removed")
	}
	wantNames(t, dir, "folder")
}

func TestNothingLeavesTheRoot(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "kept"), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Skip("this system makes no symbolic links:", err)
	}
	root := openRoot(t, dir)
	for _, name := range []string{"link/kept", "../kept", filepath.Join(outside, "kept")} {
		if err := durable.WriteFile(root, name, []byte("broken in"), private); err == nil {
			t.Errorf("WriteFile wrote %q", name)
		}
		if err := durable.Remove(root, name); err == nil {
			t.Errorf("Remove accepted %q", name)
		}
	}
	if err := durable.MkdirAll(root, "link/folder", private); err == nil {
		t.Error("MkdirAll made a folder behind a symbolic link")
	}
	wantNames(t, outside, "kept")
	wantFile(t, filepath.Join(outside, "kept"), "kept")
	wantNames(t, dir, "link")
}

func TestRemoveIsRepeatable(t *testing.T) {
	root := openRoot(t, t.TempDir())
	if err := durable.WriteFile(root, "name", nil, private); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"name", "name", "missing/name"} {
		if err := durable.Remove(root, name); err != nil {
			t.Errorf("remove %s: %v", name, err)
		}
	}
	if _, err := root.Stat("name"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("file is still there (error %v)", err)
	}
}

func TestSweepTakesStaleTemporaryFilesOnly(t *testing.T) {
	dir := t.TempDir()
	root := openRoot(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for name, age := range map[string]time.Duration{
		".sealrelay-A.tmp":     time.Hour,
		"sub/.sealrelay-B.tmp": time.Minute,
		".sealrelay-live.tmp":  -time.Minute,
		".sealrelay-other":     time.Hour,
		"name.tmp":             time.Hour,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, start.Add(-age), start.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := durable.Sweep(root, start)
	if err != nil || removed != 2 {
		t.Errorf("Sweep removed %d files (error %v), want 2", removed, err)
	}
	wantNames(t, dir, ".sealrelay-live.tmp", ".sealrelay-other", "name.tmp", "sub")
	wantNames(t, filepath.Join(dir, "sub"))
}

// A reader that polls without a pause sees whole files only.
func TestReadersNeverSeeAPart(t *testing.T) {
	dir := t.TempDir()
	root := openRoot(t, dir)
	contents := [][]byte{bytes.Repeat([]byte("a"), 1<<16), bytes.Repeat([]byte("b"), 1<<10)}
	if err := durable.WriteFile(root, "name", contents[0], private); err != nil {
		t.Fatal(err)
	}
	stop, reads := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { reads <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			got, err := os.ReadFile(filepath.Join(dir, "name"))
			if err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
				t.Errorf("a reader saw %d bytes (error %v)", len(got), err)
				return
			}
		}
	}()
	for i := range 300 {
		if err := durable.WriteFile(root, "name", contents[i%2], private); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if n := <-reads; n == 0 {
		t.Error("the reader read nothing")
	}
}

func TestWritePathBy(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	for _, c := range []struct {
		fails error
		want  string
	}{{nil, "in two parts"}, {errors.New("of the caller"), "in two parts"}} {
		err := durable.WritePathBy(name, durable.Options{Mode: 0o600}, func(w io.Writer) error {
			_, _ = io.WriteString(w, "in two ")
			_, _ = io.WriteString(w, "parts")
			return c.fails
		})
		if !errors.Is(err, c.fails) {
			t.Errorf("got %v, want %v", err, c.fails)
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != c.want {
			t.Errorf("file has %q, %v", got, err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d entries are left, %v", len(entries), err)
	}
}
