//go:build unix

package crashtest

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var braces = regexp.MustCompile(`\{([^}]*)\}`)

// trace makes a log of lines in which {text} stands for text as strace -xx
// writes it. Each line gets a time; thread and call are given.
func trace(lines ...string) string {
	var b strings.Builder
	for i, line := range lines {
		thread, call, _ := strings.Cut(line, " ")
		call = braces.ReplaceAllStringFunc(call, func(text string) string { return inHex(text[1 : len(text)-1]) })
		fmt.Fprintf(&b, "%s 1.%06d %s\n", thread, i, call)
	}
	return b.String()
}

func inHex(text string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, `\x%02x`, text[i])
	}
	return b.String()
}

// replay applies a log to a disk whose root is /r.
func replay(log string) (*disk, error) {
	d := newDisk("/r")
	return d, readTrace(strings.NewReader(log), func(c *call) error {
		_, err := d.apply(c)
		return err
	})
}

// states are all images of a disk that many drawings find, each as a list of
// its files.
func states(t *testing.T, d *disk) []string {
	t.Helper()
	var found []string
	for seed := range uint64(300) {
		folder := filepath.Join(t.TempDir(), "image")
		if err := d.image(folder, rand.New(rand.NewPCG(seed, 0))); err != nil {
			t.Fatal(err)
		}
		if state := listing(t, folder); !slices.Contains(found, state) {
			found = append(found, state)
		}
	}
	slices.Sort(found)
	return found
}

func listing(t *testing.T, folder string) string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		if entry.IsDir() {
			files = append(files, path+"/")
			return nil
		}
		data, err := os.ReadFile(filepath.Join(folder, path))
		text := strings.ReplaceAll(string(data), "\x00", "0")
		text = strings.ReplaceAll(text, strings.Repeat("0", sector), "Z")
		files = append(files, path+"="+strings.ReplaceAll(text, strings.Repeat("x", sector), "X"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(files, " ")
}

func TestImages(t *testing.T) {
	const (
		create  = `1 openat(AT_FDCWD<{/}>, "{/r/a}", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3<{/r/a}>`
		write   = `1 write(3<{/r/a}>, "{new}", 3) = 3`
		syncOf  = `1 fsync(3<{/r/a}>) = 0`
		folder  = `1 fsync(9<{/r}>) = 0`
		rename  = `1 renameat(9<{/r}>, "{a}", 9<{/r}>, "{b}") = 0`
		sectors = `1 pwrite64(3<{/r/a}>, "%s", 1024, 0) = 1024`
	)
	twoSectors := fmt.Sprintf(sectors, strings.Repeat(`\x78`, 2*sector))
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"all synced", []string{create, write, syncOf, folder}, []string{"a=new"}},
		{"folder not synced", []string{create, write, syncOf}, []string{"", "a=new"}},
		{"file not synced", []string{create, write, folder}, []string{"a=", "a=000", "a=new"}},
		{"torn at a sector", []string{create, twoSectors, folder}, []string{"a=", "a=XX", "a=XZ", "a=ZX", "a=ZZ"}},
		{"renamed, folder not synced", []string{create, write, syncOf, folder, rename}, []string{"a=new", "b=new"}},
		{"renamed over, folder not synced", []string{
			create, write, syncOf, rename, folder, strings.Replace(create, "3<", "4<", 1),
			`1 write(4<{/r/a}>, "{two}", 3) = 3`, `1 fsync(4<{/r/a}>) = 0`, folder, rename,
		}, []string{"a=two b=new", "b=two"}},
		{"renamed before its sync", []string{create, write, rename, folder}, []string{"b=", "b=000", "b=new"}},
		{"removed, folder not synced", []string{create, write, syncOf, folder, `1 unlink("{/r/a}") = 0`}, []string{"", "a=new"}},
		{"removed and made anew", []string{create, write, syncOf, folder, `1 unlink("{/r/a}") = 0`, create, folder}, []string{"a="}},
		{"cut short", []string{create, write, syncOf, folder, `1 ftruncate(3<{/r/a}>, 1) = 0`}, []string{"a=n", "a=new"}},
		{"folder made, not synced", []string{`1 mkdirat(AT_FDCWD<{/}>, "{/r/d}", 0700) = 0`}, []string{"", "d/"}},
		{"folder made and synced", []string{`1 mkdir("{/r/d}", 0700) = 0`, folder}, []string{"d/"}},
		{"folder opened before its making ends", []string{
			`1 mkdirat(9<{/r}>, "{d}", 0700 <unfinished ...>`, `2 openat(9<{/r}>, "{d}", O_RDONLY|O_DIRECTORY) = 4<{/r/d}>`,
			`2 fsync(9<{/r}>) = 0`, `1 <... mkdirat resumed>) = 0`,
		}, []string{"d/"}},
		{"folder whose making is not answered", []string{`1 mkdirat(9<{/r}>, "{d}", 0700 <unfinished ...>`, `2 fsync(9<{/r}>) = 0`}, []string{""}},
		{"two writes in order", []string{create, write, syncOf, folder, `1 write(3<{/r/a}>, "{er}", 2) = 2`, syncOf}, []string{"a=newer"}},
		{"write ends after the sync began", []string{
			create, folder, `2 write(3<{/r/a}>, "{new}", 3 <unfinished ...>`, `1 fsync(3<{/r/a}> <unfinished ...>`,
			`2 <... write resumed>) = 3`, `1 <... fsync resumed>) = 0`,
		}, []string{"a=", "a=000", "a=new"}},
		{"write before the sync began", []string{
			create, folder, write, `1 fsync(3<{/r/a}> <unfinished ...>`, `2 getpid() = 7`, `1 <... fsync resumed>) = 0`,
		}, []string{"a=new"}},
		{"sync not answered", []string{create, folder, write, `1 fsync(3<{/r/a}> <unfinished ...>`}, []string{"a=", "a=000", "a=new"}},
		{"sync failed, the next one did not", []string{
			create, folder, write, `1 fsync(3<{/r/a}>) = -1 EIO (Input/output error) (INJECTED)`, syncOf,
		}, []string{"a=", "a=000", "a=new"}},
		{"write failed", []string{create, folder, `1 write(3<{/r/a}>, "{new}", 3) = -1 ENOSPC (No space left on device)`}, []string{"a="}},
		{"write failed later", []string{
			create, folder, `1 write(3<{/r/a}>, "{new}", 3 <unfinished ...>`, `1 <... write resumed>) = -1 EIO (Input/output error)`,
		}, []string{"a="}},
		{"another program's files", []string{`1 writev(5<{/elsewhere/a}>, [{iov_base="{x}", iov_len=1}], 1) = 1`, `1 mkdir("{/rr}", 0700) = 0`}, []string{""}},
		{"index of the log", []string{`1 open("{/r/a-shm}", O_RDWR|O_CREAT, 0600) = 3<{/r/a-shm}>`, folder}, []string{""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := replay(trace(test.lines...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, states(t, d)); diff != "" {
				t.Errorf("images -want +got:\n%s", diff)
			}
		})
	}
}

// What the replayer does not know must not pass for nothing.
func TestNotModelled(t *testing.T) {
	const made = `1 open("{/r/a}", O_RDWR|O_CREAT, 0600) = 3<{/r/a}>`
	for _, line := range []string{
		`1 writev(3<{/r/a}>, [], 0) = 0`,
		`1 write(3<{/r/a}>, "{x}", 1) = 1`, // other calls may have moved the offset
		`1 pwrite64(3<{/r/a}>, "{xyz}", 3, 0) = 2`,
		`1 lseek(3<{/r/a}>, 0, SEEK_SET) = 0`,
		`1 fallocate(3<{/r/a}>, 0, 0, 4096) = 0`,
		`1 copy_file_range(5<{/elsewhere}>, NULL, 3<{/r/a}>, NULL, 1, 0) = 1`,
		`1 truncate("{/r/a}", 0) = 0`,
		`1 link("{/r/a}", "{/r/b}") = 0`,
		`1 symlink("{/elsewhere}", "{/r/b}") = 0`,
		`1 rename("{/r/a}", "{/elsewhere}") = 0`,
		`1 open("{/r/a}", O_RDWR|O_TRUNC) = 3<{/r/a}>`,
		`1 open("{/r/a}", O_WRONLY|O_APPEND) = 3<{/r/a}>`,
		`1 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3<{/r/a}>, 0) = 0x7f0000000000`,
	} {
		if _, err := replay(trace(made, line)); !errors.Is(err, errNotModelled) && !strings.Contains(fmt.Sprint(err), "not known") {
			t.Errorf("%s: error is %v", line, err)
		}
	}
}
