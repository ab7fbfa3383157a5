package file_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// The tests here start this program again as a child, which works in the
// folder that childDir names as childRole says.
const (
	childRole = "FILE_TEST_CHILD"
	childDir  = "FILE_TEST_CHILD_DIR"
	// childFrom is the first version that the writer delivers.
	childFrom = "FILE_TEST_CHILD_FROM"
)

// envelopeSize is enough for a write to be caught in the middle.
const envelopeSize = 300_000

// isChild says whether this process is the child of that role, which a test
// started by running itself again.
func isChild(role string) bool { return os.Getenv(childRole) == role }

func startChild(t *testing.T, role, dir string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	cmd.Env = append(append(os.Environ(), childRole+"="+role, childDir+"="+dir), env...)
	return cmd
}

// wantRetryable is for what an operator can mend while the schedule runs.
func wantRetryable(t *testing.T, err, want error) {
	t.Helper()
	if _, final := errors.AsType[*deliver.FinalError](err); final || !errors.Is(err, want) {
		t.Errorf("error is %v (final %v), want a retryable %v", err, final, want)
	}
}

// A writer killed at any point leaves whole files, nothing that it reported
// is lost, the next delivery mends the pair, and the next start sweeps.
func TestKilledWriter(t *testing.T) {
	if isChild("writer") {
		from, err := strconv.ParseInt(os.Getenv(childFrom), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		destination := mustOpen(t, os.Getenv(childDir), "dir: .")
		// Made before, so that the time goes into writing.
		var deliveries []outbox.Delivery
		for i := range int64(40) {
			deliveries = append(deliveries, delivertest.Set(t, "a", from+i, envelopeSize))
		}
		for _, d := range deliveries {
			if _, err := destination.Deliver(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			fmt.Println("delivered", d.Version)
		}
		select {} // more than the parent waits for
	}
	const rounds = 30
	dir, from := t.TempDir(), int64(1)
	for range rounds {
		acknowledged := killAfter(t, dir, from, 1+rand.IntN(20))
		envelope, signed := readVersions(t, dir)
		if envelope < acknowledged || signed < envelope {
			t.Fatalf("acknowledged version %d, found envelope %d with statement %d", acknowledged, envelope, signed)
		}
		// What was not settled comes again, here with the round's first delivery.
		from = signed
	}
	killAfter(t, dir, from, 1)
	destination := mustOpen(t, dir, "dir: .")
	last := delivertest.Set(t, "a", from+1000, 10)
	if _, err := destination.Deliver(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if got, signed, err := delivertest.ReadFolder(dir, "a"); err != nil || !bytes.Equal(got, last.Envelope) || signed != last.Statement {
		t.Errorf("the pair is not whole (error %v)", err)
	}
	if left, err := delivertest.StrayFiles(dir); err != nil || len(left) > 1 {
		t.Errorf("left %q (error %v), want at most what the last kill left", left, err)
	}
}

// The same at each system call of one delivery that replaces another: strace
// kills the writer at the first of them, the second, and so on to the end.
func TestKilledAtEachCall(t *testing.T) {
	next := delivertest.Set(t, "a", 2, envelopeSize)
	if isChild("one") {
		runtime.LockOSThread() // strace counts calls by thread
		if _, err := mustOpen(t, os.Getenv(childDir), "dir: .").Deliver(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	found := map[[2]int64]int{}
	// strace counts each call by its own name.
	for _, name := range []string{"openat", "write", "fchmod", "fsync", "close", "/^renameat2?$"} {
		for nth, ended := 1, false; !ended; nth++ {
			dir := t.TempDir()
			destination := mustOpen(t, dir, "dir: .")
			if _, err := destination.Deliver(t.Context(), delivertest.Set(t, "a", 1, envelopeSize)); err != nil {
				t.Fatal(err)
			}
			cmd := startChild(t, "one", dir)
			cmd.Args = append([]string{strace, "-f", "-qq", "-o", os.DevNull, "-e",
				fmt.Sprintf("inject=%s:signal=KILL:when=%d", name, nth)}, cmd.Args...)
			cmd.Path = strace
			out, err := cmd.CombinedOutput()
			if ended = err == nil; !ended && !strings.Contains(err.Error(), "killed") {
				t.Skipf("strace may not trace here: %v: %s", err, out)
			}
			envelope, signed := readVersions(t, dir)
			if !ended {
				found[[2]int64{envelope, signed}]++
			}
			if _, err := destination.Deliver(t.Context(), next); err != nil {
				t.Fatal(err)
			}
			if envelope, signed := readVersions(t, dir); envelope != 2 || signed != 2 {
				t.Fatalf("after %s %d and another delivery there are envelope %d and statement %d", name, nth, envelope, signed)
			}
		}
	}
	t.Logf("kills by what they left (envelope, statement): %v", found)
	for _, state := range [][2]int64{{1, 1}, {1, 2}, {2, 2}} {
		if found[state] == 0 {
			t.Errorf("no kill left envelope %d with statement %d", state[0], state[1])
		}
	}
}

// killAfter starts a writer, kills it once it delivered some more versions,
// and returns the last version that it reported.
func killAfter(t *testing.T, dir string, from int64, some int) (acknowledged int64) {
	t.Helper()
	cmd := startChild(t, "writer", dir, childFrom+"="+fmt.Sprint(from))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		version, ok := strings.CutPrefix(lines.Text(), "delivered ")
		if !ok {
			t.Fatalf("writer said %q", lines.Text())
		}
		if acknowledged, err = strconv.ParseInt(version, 10, 64); err != nil {
			t.Fatal(err)
		}
		if some--; some == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // killed, as wanted
	if some > 0 {
		t.Fatal("writer ended before it was killed")
	}
	return acknowledged
}

// readVersions returns the versions of the files of secret a, which are whole.
func readVersions(t *testing.T, dir string) (envelope, signed int64) {
	t.Helper()
	data, token, err := delivertest.ReadFolder(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(data), "a@%d ", &envelope); err != nil {
		t.Fatalf("envelope of %d bytes begins %.20q", len(data), data)
	}
	if want := delivertest.Set(t, "a", envelope, envelopeSize); !bytes.Equal(data, want.Envelope) {
		t.Fatalf("envelope of version %d has %d bytes, not its own", envelope, len(data))
	}
	for signed = envelope; signed <= envelope+1; signed++ {
		if token == delivertest.Set(t, "a", signed, envelopeSize).Statement {
			return envelope, signed
		}
	}
	t.Fatalf("statement beside envelope %d is neither of it nor of the next", envelope)
	return 0, 0
}

// With no room for the new envelope the old one stays, and no part of the new.
func TestDiskFull(t *testing.T) {
	old := delivertest.Set(t, "a", 1, 1000)
	if isChild("full") {
		// The limit on a file's size stands for a full disk: write fails in
		// the same place, after some bytes.
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 10_000, Max: 10_000}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		destination := mustOpen(t, os.Getenv(childDir), "dir: .")
		wantRetryable(t, result(destination.Deliver(t.Context(), delivertest.Set(t, "a", 2, envelopeSize))), syscall.EFBIG)
		return
	}
	dir := t.TempDir()
	destination := mustOpen(t, dir, "dir: .")
	if _, err := destination.Deliver(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if out, err := startChild(t, "full", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	envelope, _, err := delivertest.ReadFolder(dir, "a")
	if err != nil || !bytes.Equal(envelope, old.Envelope) {
		t.Errorf("the old envelope is not there (error %v)", err)
	}
	if left, err := delivertest.StrayFiles(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind %q (error %v)", left, err)
	}
	next := delivertest.Set(t, "a", 2, envelopeSize)
	if _, err := destination.Deliver(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if envelope, _, err := delivertest.ReadFolder(dir, "a"); err != nil || !bytes.Equal(envelope, next.Envelope) {
		t.Errorf("with room again the new envelope is not there (error %v)", err)
	}
}

// Without privileges: writes what it may, and waits for what it may not.
func TestUnprivileged(t *testing.T) {
	const nobody = 65534
	if isChild("unprivileged") {
		// By the working folder, because those above it are root's alone.
		if err := os.Chdir(os.Getenv(childDir)); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 {
			if err := errors.Join(syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
				t.Fatal(err)
			}
		}
		good := mustOpen(t, "", "dir: mine")
		if _, err := good.Deliver(t.Context(), delivertest.Set(t, "a/b", 1, 10)); err != nil {
			t.Error(err)
		}
		refused := mustOpen(t, "", "dir: refused")
		wantRetryable(t, result(refused.Deliver(t.Context(), delivertest.Set(t, "a", 1, 10))), fs.ErrPermission)
		given := mustOpen(t, "", "{dir: mine, owner: '0:0'}")
		wantRetryable(t, result(given.Deliver(t.Context(), delivertest.Set(t, "c", 1, 10))), fs.ErrPermission)
		if left, err := delivertest.StrayFiles("mine"); err != nil || len(left) != 0 {
			t.Errorf("left behind %q (error %v)", left, err)
		}
		return
	}
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{"mine": 0o700, "refused": 0o500} {
		if err := os.Mkdir(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 {
			if err := os.Chown(filepath.Join(dir, name), nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out, err := startChild(t, "unprivileged", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files away")
	}
	dir := t.TempDir()
	destination := mustOpen(t, dir, "{dir: out, owner: '1234:5678'}")
	if _, err := destination.Deliver(t.Context(), delivertest.Set(t, "a/b", 1, 10)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"out", "out/a", "out/a/b.age", "out/a/b.age.jws"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != 1234 || owner.Gid != 5678 {
			t.Errorf("%s belongs to %d:%d", name, owner.Uid, owner.Gid)
		}
	}
}

// A reader that polls without a pause sees whole envelopes only, and pairs
// that are torn only until it looks again.
func TestReaderNeverSeesAPart(t *testing.T) {
	dir := t.TempDir()
	destination := mustOpen(t, dir, "dir: .")
	const versions = 100
	whole := map[string]string{}
	for version := range int64(versions) {
		d := delivertest.Set(t, "a", version+1, envelopeSize)
		whole[statement.Digest(d.Envelope)] = d.Statement
	}
	if _, err := destination.Deliver(t.Context(), delivertest.Set(t, "a", 1, envelopeSize)); err != nil {
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
			envelope, err := os.ReadFile(filepath.Join(dir, "a.age"))
			if _, ok := whole[statement.Digest(envelope)]; err != nil || !ok {
				t.Errorf("a reader saw %d bytes that are no version (error %v)", len(envelope), err)
				return
			}
		}
	}()
	for version := range int64(versions) {
		if _, err := destination.Deliver(t.Context(), delivertest.Set(t, "a", version+1, envelopeSize)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if n := <-reads; n == 0 {
		t.Error("the reader read nothing")
	}
	if envelope, signed, err := delivertest.ReadFolder(dir, "a"); err != nil || whole[statement.Digest(envelope)] != signed {
		t.Errorf("the last pair does not match (error %v)", err)
	}
}
