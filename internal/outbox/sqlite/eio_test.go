package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// helperFile names the database to the process that a test starts.
const helperFile = "SEALRELAY_TEST_OUTBOX"

// commitUntilFailed is that process: it commits events and tells what became of
// each, until the outbox fails. Its exit code is failedExit then; like the
// program, it exits without Close.
func commitUntilFailed(path string) int {
	o, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	if err != nil {
		fmt.Println("defect", err)
		return 1
	}
	for n := 0; ; n++ {
		switch err := o.Commit(context.Background(), benchChange(int64(n), fmt.Sprint("db", n), 1, 1)); {
		case err == nil:
			fmt.Println("committed", n)
		case errors.Is(err, outbox.ErrAmbiguous):
			fmt.Println("ambiguous", n)
		case errors.Is(err, outbox.ErrUnavailable):
			fmt.Println("unavailable", n)
			<-o.Failed()
			return failedExit
		default:
			fmt.Println("defect", err)
			return 1
		}
	}
}

const failedExit = 3

// TestDiskErrors runs the helper while the system fails its syncs or writes.
func TestDiskErrors(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed; it injects the errors of the disk")
	}
	for _, tc := range []struct {
		name, inject string
	}{
		{"sync", "fsync,fdatasync:error=EIO:when=25+"},
		{"write", "pwrite64:error=EIO:when=300+"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "outbox.db")
			calls, _, _ := strings.Cut(tc.inject, ":")
			helper := exec.Command("strace", "-f", "-qq", "-o", os.DevNull, "-e", "trace="+calls, "-e", "inject="+tc.inject,
				os.Args[0])
			helper.Env = append(os.Environ(), helperFile+"="+path)
			output, err := helper.Output()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != failedExit {
				t.Fatalf("helper ended with %v, want the exit of a failed outbox; it said:\n%s", err, output)
			}
			checkDisk(t, path, string(output))
		})
	}
}

// checkDisk opens what the helper left: each event that it was told to be
// committed is there, and of the others at most the ambiguous one.
func checkDisk(t *testing.T, path, output string) {
	t.Helper()
	counts := map[string]int{}
	lines := bufio.NewScanner(strings.NewReader(output))
	for lines.Scan() {
		word, _, _ := strings.Cut(lines.Text(), " ")
		counts[word]++
	}
	if counts["committed"] == 0 || counts["ambiguous"] > 1 || counts["unavailable"] != 1 || counts["defect"] != 0 {
		t.Fatalf("helper said %v", counts)
	}
	o := open(t, path)
	deliveries, err := o.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var chain audit.Chain
	if err := o.Audit(t.Context(), 1, chain.Next); err != nil {
		t.Fatal(err)
	}
	rows, least := deliveries[outbox.Pending], counts["committed"]
	if rows < least || rows > least+counts["ambiguous"] || chain.Head().Seq != int64(rows) {
		t.Errorf("%d deliveries and %d audit rows after %v", rows, chain.Head().Seq, counts)
	}
	t.Logf("%v, %d deliveries there", counts, rows)
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}
