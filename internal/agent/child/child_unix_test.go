//go:build unix

package child_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/internal/agent/child"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func value(text string) *secretbytes.Value { return secretbytes.New([]byte(text)) }

// wiped says whether a value is.
func wiped(v *secretbytes.Value) bool {
	return errors.Is(v.Expose(func([]byte) error { return nil }), secretbytes.ErrWiped)
}

// TestRun: whatever way a value goes, and however the command ends, it is wiped.
func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	large := strings.Repeat("x", 1<<20) // More than a pipe holds.
	for _, tc := range []struct {
		name, script string
		code         int
	}{
		{"reads all", `test "$A" = one && test "$(cat <&3)" = two && test "$(cat <&5 | wc -c)" -eq 1048576`, 0},
		{"reads nothing", `exit 9`, 9},
		{"leaves a descriptor to another process", `sleep 1 & exit 0`, 0},
		{"is killed", `kill -KILL $$`, 137},
	} {
		t.Run(tc.name, func(t *testing.T) {
			one, two, three := value("one"), value("two"), value(large)
			code, err := child.Run(child.Command{
				Args:        []string{"sh", "-c", tc.script},
				Variables:   []child.Variable{{Name: "A", Value: one}},
				Descriptors: []child.Descriptor{{Number: 5, Value: three}, {Number: 3, Value: two}},
			})
			if code != tc.code || err != nil {
				t.Errorf("got %d, %v, want %d", code, err, tc.code)
			}
			if !wiped(one) || !wiped(two) || !wiped(three) {
				t.Error("a value is left")
			}
		})
	}
}

// TestRunDoesNotStart: the values are wiped then too.
func TestRunDoesNotStart(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("nothing", []byte("#!/no/such/interpreter\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		program string
		code    int
	}{{"no-such-command-here", child.ExitNotFound}, {"./nothing", child.ExitCannotRun}} {
		v := value("tiger")
		_, err := child.Run(child.Command{Args: []string{tc.program}, Variables: []child.Variable{{Name: "A", Value: v}}})
		var unstarted *child.StartError
		if !errors.As(err, &unstarted) || unstarted.Code != tc.code || strings.Contains(err.Error(), "tiger") {
			t.Errorf("%s: %v", tc.program, err)
		}
		if !wiped(v) {
			t.Errorf("%s: a value is left", tc.program)
		}
	}
}

// TestSweep: what a killed process left is removed by the next one, and what one
// that runs has is not.
func TestSweep(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("tmpfs is Linux'")
	}
	base, err := os.MkdirTemp("/dev/shm", "sealrelay-test-")
	if err != nil {
		t.Skip("no /dev/shm to write to: ", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	t.Setenv("XDG_RUNTIME_DIR", base)
	hourAgo := time.Now().Add(-time.Hour)
	folder := func(name string, at time.Time) string {
		path := filepath.Join(base, name)
		if err := errors.Join(os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "pw"), nil, 0o400), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	left, young, other := folder("sealrelay-exec-1", hourAgo), folder("sealrelay-exec-2", time.Now()), folder("another", hourAgo)
	// The command makes its own folder look old; another run must leave it alone.
	inner := func() {
		if _, err := child.Run(child.Command{Args: []string{"true"}, Files: []child.File{{Name: "pw", Value: value("x")}}}); err != nil {
			t.Error(err)
		}
	}
	inner()
	for path, there := range map[string]bool{left: false, young: true, other: true} {
		if _, err := os.Stat(path); (err == nil) != there {
			t.Errorf("%s: %v", path, err)
		}
	}
	running := make(chan int)
	go func() {
		code, err := child.Run(child.Command{
			Args:  []string{"sh", "-c", `touch -d "1 hour ago" "$SEALRELAY_FILES"; echo > "$XDG_RUNTIME_DIR/ready"; while ! test -e "$XDG_RUNTIME_DIR/go"; do :; done; test -e "$SEALRELAY_FILES/pw"`},
			Files: []child.File{{Name: "pw", Value: value("x")}},
		})
		if err != nil {
			t.Error(err)
		}
		running <- code
	}()
	for _, err := os.Stat(filepath.Join(base, "ready")); err != nil; _, err = os.Stat(filepath.Join(base, "ready")) {
		runtime.Gosched()
	}
	inner()
	if err := os.WriteFile(filepath.Join(base, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := <-running; code != 0 {
		t.Errorf("the folder of a command that runs was removed: %d", code)
	}
}
