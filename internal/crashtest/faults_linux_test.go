package crashtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// begin drives a service until the test says otherwise.
func (l *load) begin(t *testing.T, to *service) (done <-chan error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx) }()
	t.Cleanup(cancel)
	l.serve(to)
	return ended
}

// ask gets a page of the admin listener; the status is 0 if nobody answers.
func (r *service) ask(t *testing.T, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(content)
}

func (r *service) readyz(t *testing.T) int {
	t.Helper()
	status, _ := r.ask(t, "/readyz")
	return status
}

// breaks watches a service whose disk breaks: from the first refused hook on
// it is not ready any more, and ends with an error. Any answer to a hook but
// 2xx and 503 fails the load.
func (l *load) breaks(t *testing.T, broken *service) {
	t.Helper()
	statuses := map[int]int{}
	until(t, "the service ends", func() bool {
		_, refused := l.counts()
		status := broken.readyz(t)
		if refused > 0 {
			statuses[status]++
		}
		select {
		case <-broken.ended:
			return true
		default:
			return false
		}
	})
	if statuses[http.StatusOK] > 0 {
		t.Errorf("/readyz was 200 after a hook was refused")
	}
	code := broken.exitCode(t)
	if code == 0 {
		t.Error("the service ended with exit code 0")
	}
	acked, refused := l.counts()
	t.Logf("%d hooks acknowledged, %d answered with 503, exit code %d; /readyz after the first 503, with 0 for no answer: %v", acked, refused, code, statuses)
	if acked == 0 {
		t.Error("no hook was acknowledged before the disk broke")
	}
}

// recover starts a service on a sound disk and checks everything.
func (l *load) recover(t *testing.T, done <-chan error) {
	t.Helper()
	last := l.site.start(t, nil, nil, nil).mustReady(t)
	l.end()
	l.serve(last)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	l.finish(t, last)
}

// TestSyncError lets every sync fail from some moment on. After a failed sync
// nobody knows what is on the disk, so the service must end and not go on; and
// no power cut, before or after it, may take back what was acknowledged.
func TestSyncError(t *testing.T) {
	random := random(t)
	site := newSite(t, t.TempDir())
	r := run{site: site, log: filepath.Join(t.TempDir(), "trace"), load: newLoad(site, 1<<30)}
	inject := fmt.Sprintf("inject=fsync,fdatasync:error=EIO:when=%d+", 40+random.IntN(100)) // counted by thread
	broken := site.start(t, strace(t, r.log, "-e", inject), nil, nil).mustReady(t)
	done := r.load.begin(t, broken)
	r.load.breaks(t, broken)
	r.load.recover(t, done)
	sum, h := r.cutPower(t, scaled(40), random)
	t.Logf("%s, %d syncs: %s", inject, h.disk.syncs, sum)
	if sum.lost+sum.corrupt+sum.torn > 0 {
		t.Error(sum.examples)
	}
}

// TestFileSizeLimit lets writes fail with EFBIG, which SQLite tells as an
// input/output error: the disk cannot be trusted any more.
func TestFileSizeLimit(t *testing.T) {
	site := newSite(t, t.TempDir())
	load := newLoad(site, 1<<30)
	limit := []string{"sh", "-c", `ulimit -f 4096 && exec "$@"`, "sh"} // in blocks of 512 bytes
	broken := site.start(t, limit, nil, nil).mustReady(t)
	done := load.begin(t, broken)
	load.breaks(t, broken)
	load.recover(t, done)
}

// TestDiskFull puts the outbox on a small file system of its own. While it is
// full hooks are refused; when there is space again the same process goes on.
func TestDiskFull(t *testing.T) {
	site := newSite(t, t.TempDir())
	data := filepath.Join(site.state, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	run := site.start(t, smallDisk(t, data), nil, nil).mustReady(t)
	// The file system is seen by the service alone, and through it.
	inside := filepath.Join("/proc", strconv.Itoa(run.cmd.Process.Pid), "root", data)
	ballast := filepath.Join(inside, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 30<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	load := newLoad(site, 1<<30)
	done := load.begin(t, run)
	until(t, "the disk is full", func() bool { return run.readyz(t) == http.StatusServiceUnavailable })
	full, refused := load.counts()
	until(t, "hooks are refused", func() bool {
		_, now := load.counts()
		return now > refused+senders
	})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "the service is ready again", func() bool { return run.readyz(t) == http.StatusOK })
	until(t, "hooks are accepted again", func() bool {
		acked, _ := load.counts()
		return acked > full+50
	})
	load.end()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	acked, refused := load.counts()
	t.Logf("%d hooks acknowledged when the disk was full, %d answers of 503, %d acknowledged in the end by the same process", full, refused, acked)
	// With nothing left to do the service writes no more, and the files can be
	// copied; their file system goes when the service does.
	until(t, "everything is delivered", func() bool {
		_, metrics := run.ask(t, "/metrics")
		return strings.Contains(metrics, `sealrelay_deliveries{state="pending"} 0`+"\n")
	})
	for _, name := range []string{"outbox.db", "outbox.db-wal"} {
		content, err := os.ReadFile(filepath.Join(inside, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run.stop(t)
	load.finish(t, site.start(t, nil, nil, nil).mustReady(t))
}

// smallDisk is the words in front of a command that give it a file system of
// 32 MiB at the folder, seen by nobody else. The outbox's log alone grows to
// 16 MiB before it is used again.
func smallDisk(t *testing.T, folder string) []string {
	t.Helper()
	script := `mount -t tmpfs -o size=32m,mode=700 tmpfs "$0" && exec "$@"`
	unshare := []string{"unshare", "--mount"}
	if os.Geteuid() != 0 {
		unshare = append(unshare, "--user", "--map-root-user")
	}
	words := append(unshare, "sh", "-c", script, folder)
	if output, err := exec.Command(words[0], append(words[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %v: %s", err, output)
	}
	return words
}
