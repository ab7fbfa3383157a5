//go:build unix

package crashtest

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadTrace(t *testing.T) {
	type seen struct {
		At          int64
		PID         int
		Name        string
		Args        []string
		Ended       bool
		Ret         int64
		Path, Errno string
		Begun       bool
	}
	log := trace(
		`7 openat(AT_FDCWD<{/r}>, "{a}", O_RDWR|O_CREAT, 0600) = 5<{/r/a}>`,
		`7 mkdir("{/r}", 0700)              = -1 EEXIST (File exists)`,
		`8 mmap(NULL, 4096, PROT_READ, MAP_SHARED, 5<{/r/a}>, 0) = 0x7f0000001000`,
		`7 fsync(5<{/r/a}>(deleted) <unfinished ...>`,
		`8 exit_group(0) = ?`,
		`8 +++ exited with 0 +++`,
		`7 <... fsync resumed>)             = 0`,
	)
	var got []seen
	err := readTrace(strings.NewReader(log), func(c *call) error {
		got = append(got, seen{c.at, c.pid, c.name, c.args, c.ended, c.ret, c.path, c.errno, c.begun != nil})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	deleted := `5<` + inHex("/r/a") + `>(deleted)`
	want := []seen{
		{At: 1e6, PID: 7, Name: "openat", Args: []string{`AT_FDCWD<` + inHex("/r") + `>`, `"` + inHex("a") + `"`, "O_RDWR|O_CREAT", "0600"}, Ended: true, Ret: 5, Path: "/r/a"},
		{At: 1e6 + 1, PID: 7, Name: "mkdir", Args: []string{`"` + inHex("/r") + `"`, "0700"}, Ended: true, Ret: -1, Errno: "EEXIST"},
		{At: 1e6 + 2, PID: 8, Name: "mmap", Args: []string{"NULL", "4096", "PROT_READ", "MAP_SHARED", `5<` + inHex("/r/a") + `>`, "0"}, Ended: true, Ret: 0x7f0000001000},
		{At: 1e6 + 3, PID: 7, Name: "fsync", Args: []string{deleted}},
		{At: 1e6 + 4, PID: 8, Name: "exit_group", Args: []string{"0"}, Ended: true, Errno: "?"},
		{At: 1e6 + 6, PID: 7, Name: "fsync", Args: []string{deleted}, Ended: true, Begun: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadTraceRefuses(t *testing.T) {
	const made = `1 open("{/r/a}", O_RDWR|O_CREAT, 0600) = 3<{/r/a}>`
	for name, line := range map[string]string{
		"no call":                `1 `,
		"no result":              `1 fsync(3<{/r/a}>)`,
		"no parenthesis":         `1 fsync = 0`,
		"name":                   `1 FSYNC(3) = 0`,
		"result":                 `1 fsync(3<{/r/a}>) = zero`,
		"resumed out of nothing": `1 <... fsync resumed>) = 0`,
		"resumed as another":     "1 fsync(3<{/r/a}> <unfinished ...>\n1 1.000000 <... write resumed>) = 0",
		"in two calls":           "1 fsync(3<{/r/a}> <unfinished ...>\n1 1.000000 fsync(3<{/r/a}> <unfinished ...>",
		"string cut short":       `1 pwrite64(3<{/r/a}>, "{x}"..., 4096, 0) = 4096`,
		"string not in hex":      `1 pwrite64(3<{/r/a}>, "x", 1, 0) = 1`,
		"offset":                 `1 pwrite64(3<{/r/a}>, "{x}", 1, -1) = 1`,
		"length":                 `1 ftruncate(3<{/r/a}>, -1) = 0`,
		"path not in hex":        `1 fsync(3</r/a>) = 0`,
		"unknown file":           `1 fsync(3<{/r/b}>) = 0`,
		"unknown folder":         `1 mkdir("{/r/c/d}", 0700) = 0`,
	} {
		if _, err := replay(trace(made, line)); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
	for _, line := range []string{"x", "1", "1 2", "1 1.5 fsync(3) = 0", "-1 1.000000 fsync(3) = 0", "1 -1.000000 fsync(3) = 0"} {
		if _, err := replay(line); err == nil {
			t.Errorf("%q: was read", line)
		}
	}
}

// FuzzReplay: no log makes the replayer panic, and what it took can be drawn.
func FuzzReplay(f *testing.F) {
	f.Add(trace(
		`1 openat(AT_FDCWD<{/}>, "{/r/a}", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3<{/r/a}>`,
		`1 write(3<{/r/a}>, "{new}", 3 <unfinished ...>`, `2 fsync(3<{/r/a}> <unfinished ...>`,
		`1 <... write resumed>) = 3`, `2 <... fsync resumed>) = 0`,
		`1 renameat(9<{/r}>, "{a}", 9<{/r}>, "{b}") = 0`, `1 ftruncate(3<{/r/b}>, 1) = 0`, `1 fsync(9<{/r}>) = 0`,
	))
	f.Add(trace(`1 mkdir("{/r/d}", 0700) = 0`, `1 unlink("{/r/d}") = 0`, `1 pwrite64(3<{/r/d}>(deleted), "{x}", 1, 5) = 1`))
	f.Add(trace(`1 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000`, `1 +++ exited with 0 +++`))
	f.Fuzz(func(t *testing.T, log string) {
		d, err := replay(log)
		if err != nil {
			return
		}
		random := rand.New(rand.NewPCG(1, 1))
		for _, n := range d.seen {
			n.draw(random.Float64(), random)
		}
	})
}

// FuzzStrings: whatever is written comes out of the log as it went in.
func FuzzStrings(f *testing.F) {
	f.Add([]byte("data"), "name")
	f.Add([]byte{0, 1, 0xff, '"', ')', '\\', '='}, `a, "b" <c> {d}`)
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		path := filepath.Join("/r", strings.ReplaceAll(name, "/", "_")+"_")
		log := fmt.Sprintf("1 1.000000 open(\"%[1]s\", O_RDWR|O_CREAT, 0600) = 3<%[1]s>\n1 1.000001 pwrite64(3<%[1]s>, \"%[2]s\", %[3]d, 0) = %[3]d\n",
			inHex(path), inHex(string(data)), len(data))
		d, err := replay(log)
		if err != nil {
			t.Fatal(err)
		}
		written := d.find(filepath.Base(path))
		if written == nil || string(written.content()) != string(data) {
			t.Errorf("%q does not hold what was written", path)
		}
	})
}
