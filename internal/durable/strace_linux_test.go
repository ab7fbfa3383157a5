package durable_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/durable"
)

// childEnv names the folder in which a child started by a test works.
const childEnv = "DURABLE_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

// child makes a folder, writes a file into it and removes the file.
func child(dir string) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		panic(err)
	}
	opts := durable.Options{Mode: 0o640, Owner: &durable.Owner{UID: os.Getuid(), GID: os.Getgid()}}
	if err := durable.MkdirAll(root, "made", durable.Options{Mode: 0o700}); err != nil {
		panic(err)
	}
	if err := durable.WriteFile(root, "made/name", []byte("content"), opts); err != nil {
		panic(err)
	}
	if err := durable.Remove(root, "made/name"); err != nil {
		panic(err)
	}
}

// whole puts together the calls that strace shows in two lines, because another
// thread's line or a signal came between.
func whole(trace string) string {
	begun := map[string]string{}
	var lines strings.Builder
	for line := range strings.Lines(trace) {
		pid, call, _ := strings.Cut(line, " ")
		if start, unfinished := strings.CutSuffix(call, " <unfinished ...>\n"); unfinished {
			begun[pid] = start
			continue
		}
		if _, end, resumed := strings.Cut(call, " resumed>"); resumed {
			call = begun[pid] + end
		}
		lines.WriteString(call)
	}
	return lines.String()
}

// The calls in the order that the package's comment promises.
func TestSystemCalls(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(strace, "-f", "-y", "-qq", "-o", log, "-e",
		"trace=openat,write,fchmod,fchown,fsync,close,renameat,renameat2,mkdirat,unlinkat", os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("strace may not trace here: %s", out)
		}
		t.Fatalf("child under strace: %v: %s", err, out)
	}
	trace, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	made := regexp.QuoteMeta(filepath.Join(dir, "made"))
	temp := made + `/\.sealrelay-[A-Z2-7]{26}\.tmp`
	at := regexp.QuoteMeta(dir)
	rest := whole(string(trace))
	for _, call := range []string{
		`mkdirat\(\d+<` + at + `>, "made", 0700\)`,
		`fchmod\(\d+<` + made + `>, 0700\)`,
		`fsync\(\d+<` + at + `>\)`,
		`openat\(\d+<` + made + `>, "\.sealrelay-[A-Z2-7]{26}\.tmp", O_WRONLY\|O_CREAT\|O_EXCL\|O_NOFOLLOW\|O_CLOEXEC, 0600\) += \d+<` + temp + `>`,
		`write\(\d+<` + temp + `>, "content", 7\)`,
		`fchmod\(\d+<` + temp + `>, 0640\)`,
		`fchown\(\d+<` + temp + `>, \d+, \d+\)`,
		`fsync\(\d+<` + temp + `>\)`,
		`close\(\d+<` + temp + `>\)`,
		`renameat2?\(\d+<` + made + `>, "\.sealrelay-[A-Z2-7]{26}\.tmp", \d+<` + made + `>, "name"`,
		`fsync\(\d+<` + made + `>\)`,
		`unlinkat\(\d+<` + made + `>, "name", 0\)`,
		`fsync\(\d+<` + made + `>\)`,
	} {
		found := regexp.MustCompile(call).FindStringIndex(rest)
		if found == nil {
			t.Fatalf("no %s in its place in the trace:\n%s", call, trace)
		}
		rest = rest[found[1]:]
	}
}
