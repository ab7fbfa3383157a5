package spool_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sealrelay/sealrelay/internal/spool"
)

// The children that tests run: this program again, told by the environment.
const (
	childEnv  = "SPOOL_TEST_CHILD"
	childDir  = "SPOOL_TEST_DIR"
	childSize = "SPOOL_TEST_SIZE"
)

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "writer":
		os.Exit(write())
	case "limited":
		os.Exit(writeLimited())
	}
	os.Exit(m.Run())
}

// child is this program as that child, on a spool.
func child(t testing.TB, role, dir string, more ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(append(os.Environ(), childEnv+"="+role, childDir+"="+dir), more...)
	return command
}

// write puts events of one secret without end, each newer than the one before,
// and says on standard output which are on disk.
func write() int {
	s, err := spool.Open(os.Getenv(childDir))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := 1; ; i++ {
		e, err := newEvent(strconv.Itoa(i), "prod/db", time.Duration(i)*time.Second, 100_000)
		if err = errors.Join(err, s.Put(e)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(i)
	}
}

// TestKill ends a writer at any moment: what it last said to be on disk is there,
// or the one that it was writing then, whole; and the next process goes on.
func TestKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	for round := range 20 {
		writer := child(t, "writer", dir)
		stdout, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		said := 0
		lines := bufio.NewScanner(stdout)
		timer := time.AfterFunc(time.Duration(20+7*round)*time.Millisecond, func() { _ = writer.Process.Kill() })
		for lines.Scan() {
			if said, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
		}
		timer.Stop()
		_ = writer.Wait()
		s := open(t, dir)
		events, err := s.Waiting(url)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if said == 0 && len(events) == 0 {
			continue // It did not come that far.
		}
		got, err := strconv.Atoi(events[0].Sealed.EventID)
		if err != nil || len(events) != 1 || got < said || got > said+1 || len(events[0].Sealed.Envelopes[0].Bytes) != 100_000 {
			t.Fatalf("round %d: %d was said to be on disk, %d is; %v", round, said, got, err)
		}
		if err := s.Done(events[0]); err != nil {
			t.Fatal(err)
		}
	}
}

// writeLimited puts two events, of which the second does not fit on the disk.
func writeLimited() int {
	signal.Ignore(unix.SIGXFSZ)
	size, err := strconv.Atoi(os.Getenv(childSize))
	if err != nil {
		return 2
	}
	small, err := newEvent("1", "prod/db", 0, 100)
	if err != nil {
		return 2
	}
	large, err := newEvent("2", "prod/db", time.Second, size)
	if err != nil {
		return 2
	}
	s, err := spool.Open(os.Getenv(childDir))
	if err != nil {
		return 2
	}
	if err := s.Put(small); err != nil {
		return 2
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 4096, Max: 4096}); err != nil {
		return 2
	}
	if err := s.Put(large); err == nil {
		return 3
	}
	return 0
}

// TestFullDisk: an event for which there is no room is an error, and what was
// there before is still there.
func TestFullDisk(t *testing.T) {
	for _, size := range []int{4096, 100_000} {
		dir := filepath.Join(t.TempDir(), "spool")
		if out, err := child(t, "limited", dir, childSize+"="+strconv.Itoa(size)).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		holds(t, open(t, dir), "1", "")
	}
}

// TestManyAtOnce: of those who put events of one secret, each with a folder and a
// lock of its own as processes have, the newest stays.
func TestManyAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	var running sync.WaitGroup
	for i := range 40 {
		running.Go(func() {
			s, err := spool.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			err = s.Put(event(t, strconv.Itoa(i), "prod/db", time.Duration(i)*time.Second, 1000))
			if err != nil && !errors.Is(err, spool.ErrSuperseded) {
				t.Error(err)
			}
		})
	}
	running.Wait()
	holds(t, open(t, dir), "39", "")
}
