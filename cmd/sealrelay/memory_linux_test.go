package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// canariesPerFormat times the four formats that need no more than their own care
// are 100. The fifth, openpgp, leaves the end of the value in the library's hash
// until the build that erases memory (GOEXPERIMENT=runtimesecret) does so.
const canariesPerFormat = 25

// TestNothingLeftInMemory stops `sealrelay encrypt` after its work and looks for
// the value in all the memory that it has: what it would leave in a core dump, in
// a hibernated machine, on a swap device. As a control, the same search in a
// program that seals and wipes nothing does find it.
//
// The program is stopped by its output: it writes to a pipe that is full.
func TestNothingLeftInMemory(t *testing.T) {
	dir := programDir(t)
	program, only := filepath.Join(dir, "sealrelay"), filepath.Join(dir, "onlyseal")
	if out, err := exec.Command("go", "build", "-o", only, "../../internal/bench/onlyseal").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	keygen := func(kind string) string {
		file := filepath.Join(dir, kind)
		if out, err := exec.Command(program, "keys", "generate", kind, "--out", file+".key", "--pub", file).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return file
	}
	ec, x25519, pgp := keygen("ec-p256"), keygen("age"), keygen("openpgp")
	recipient, err := os.ReadFile(x25519)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for range canariesPerFormat {
		if hits(t, only, "age", strings.TrimSpace(string(recipient))) > 0 {
			found++
		}
	}
	if found < canariesPerFormat*9/10 {
		t.Errorf("the control has %d of %d canaries in its memory", found, canariesPerFormat)
	}
	keys := map[string]string{"age": x25519, "jwe": ec, "cms": ec, "js7": ec}
	if strings.Contains(os.Getenv("GOEXPERIMENT"), "runtimesecret") {
		keys["openpgp"] = pgp
	}
	for format, key := range keys {
		for i := range canariesPerFormat {
			if n := hits(t, program, "encrypt", "--format", format, "--cert", key); n > 0 {
				t.Errorf("%s, canary %d: found at %d places", format, i, n)
			}
		}
	}
	t.Logf("%d canaries sealed; %d of %d found in the control", len(keys)*canariesPerFormat, found, canariesPerFormat)
}

// hits runs the program with a canary on its standard input, and returns at how
// many places in its memory any half of the canary is once it has sealed it.
func hits(t *testing.T, program string, args ...string) int {
	t.Helper()
	canary := []byte(rand.Text())
	full, stuffed := fullPipe(t)
	defer full.Close()
	defer stuffed.Close()
	process := exec.CommandContext(t.Context(), program, args...)
	process.Stdin, process.Stdout = bytes.NewReader(canary), stuffed
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	}()
	waitWriting(t, process.Process.Pid)
	found := 0
	for _, half := range [][]byte{canary[:len(canary)/2], canary[len(canary)/2:]} {
		found += countInMemory(t, process.Process.Pid, half)
	}
	return found
}

// fullPipe is a pipe into which nothing more fits.
func fullPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	for page := make([]byte, 4096); err == nil; {
		if err := w.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(page)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	// The program is to be blocked by it, and not to be told to come again.
	if err := unix.SetNonblock(int(w.Fd()), false); err != nil {
		t.Fatal(err)
	}
	return r, w
}

// waitWriting waits until a thread of the process is in write(1, ...).
func waitWriting(t *testing.T, pid int) {
	t.Helper()
	writing := fmt.Sprintf("%d 0x1 ", unix.SYS_WRITE)
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, thread := range threads {
			data, err := os.ReadFile(thread)
			if errors.Is(err, fs.ErrPermission) {
				t.Skip("this system does not let a process look at its child's memory")
			}
			if strings.HasPrefix(string(data), writing) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the program did not come to write its output")
		}
	}
}

// countInMemory counts what is in the memory of a process.
func countInMemory(t *testing.T, pid int, what []byte) int {
	t.Helper()
	found := 0
	walkMemory(t, pid, len(what), func(part []byte) { found += bytes.Count(part, what) })
	return found
}

// walkMemory calls look with the memory of a process, in parts that overlap, so
// that nothing of that length is cut.
func walkMemory(t *testing.T, pid, length int, look func(part []byte)) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Skipf("this system does not let a process look at its child's memory: %v", err)
	}
	defer memory.Close()
	read := 0
	part := make([]byte, 1<<20)
	for line := range strings.Lines(string(maps)) {
		from, to, ok := parseMapping(line)
		if !ok {
			continue
		}
		for ; from < to; from += int64(len(part) - length) {
			n, err := memory.ReadAt(part[:min(int64(len(part)), to-from)], from)
			if err != nil && n == 0 {
				break // The kernel's own pages.
			}
			read += n
			look(part[:n])
		}
	}
	if read < 100<<10 {
		t.Fatalf("only %d bytes of memory were read", read)
	}
}

// parseMapping reads a line of /proc/PID/maps; ok if the mapping can be read and
// written, as that of a value can.
func parseMapping(line string) (from, to int64, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 2 || !strings.HasPrefix(fields[1], "rw") {
		return 0, 0, false
	}
	low, high, _ := strings.Cut(fields[0], "-")
	from, errFrom := strconv.ParseInt(low, 16, 64)
	to, errTo := strconv.ParseInt(high, 16, 64)
	return from, to, errFrom == nil && errTo == nil
}
