//go:build unix

package sftp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
)

// envelopeSize is enough for several requests to write it.
const envelopeSize = 150_000

// A connection that is cut at any request, or in the middle of one, leaves the
// old pair until the new one is put into place, never a torn file, and the next
// attempt makes the pair whole.
func TestCutAtEachRequest(t *testing.T) {
	for name, serve := range map[string]func(*testing.T) func(io.ReadWriteCloser) error{
		"library": func(*testing.T) func(io.ReadWriteCloser) error { return goServer },
		"OpenSSH": opensshServer,
	} {
		t.Run(name, func(t *testing.T) { cutAtEachRequest(t, newServer(t, serve(t))) })
	}
}

func cutAtEachRequest(t *testing.T, server *server) {
	old, next := delivertest.Set(t, "a", 1, envelopeSize), delivertest.Set(t, "a", 2, envelopeSize)
	known, key := server.knownAs(server.line()), server.keyFile("")
	start := func() (dir string) {
		server.behave(func(b *behaviour) { b.limit = 0 })
		dir = t.TempDir()
		d := mustOpen(t, server.configWith(known, key, dir))
		mustDeliver(t, d, old)
		d.pool.closeIdle()
		return dir
	}
	dir := start()
	server.mu.Lock()
	server.requests = nil
	server.mu.Unlock()
	d := mustOpen(t, server.configWith(known, key, dir))
	mustDeliver(t, d, next)
	d.pool.closeIdle()
	server.mu.Lock()
	whole := slices.Clone(server.requests)
	server.mu.Unlock()

	found := map[[2]int]int{}
	for _, end := range whole {
		for _, limit := range []int{end - 2, end} {
			dir := start()
			server.behave(func(b *behaviour) { b.limit = limit })
			err := deliverTo(t.Context(), mustOpen(t, server.configWith(known, key, dir)), next)
			if err != nil && (isFinal(err) || !errors.Is(err, errLost)) {
				t.Fatalf("cut after %d bytes: %v", limit, err)
			}
			envelope, signed := readPair(t, dir)
			found[[2]int{envelope, signed}]++
			server.behave(func(b *behaviour) { b.limit = 0 })
			d := mustOpen(t, server.configWith(known, key, dir))
			mustDeliver(t, d, next)
			wantPair(t, dir, next)
			d.pool.closeIdle()
		}
	}
	t.Logf("%d cuts by what they left (envelope, statement): %v", 2*len(whole), found)
	// Only a cut at the second rename leaves a statement of another envelope: at
	// its beginning, in its middle, or when it came but is not carried out yet.
	if between := found[[2]int{1, 2}]; between == 0 || between > 3 {
		t.Errorf("%d cuts left a statement of another envelope", between)
	}
	if found[[2]int{1, 1}] < len(whole) {
		t.Errorf("%d of %d cuts left the old pair", found[[2]int{1, 1}], 2*len(whole))
	}
}

// readPair returns the versions of the files of secret a, which are whole.
func readPair(t *testing.T, dir string) (envelope, signed int) {
	t.Helper()
	data, token, err := delivertest.ReadFolder(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	for version := range 3 {
		d := delivertest.Set(t, "a", int64(version+1), envelopeSize)
		if bytes.Equal(data, d.Envelope) {
			envelope = version + 1
		}
		if token == d.Statement {
			signed = version + 1
		}
	}
	if envelope == 0 || signed == 0 {
		t.Fatalf("an envelope of %d bytes beside a statement of %d is torn", len(data), len(token))
	}
	return envelope, signed
}

// A kept connection that the server ended is replaced within the attempt.
func TestServerEndsKeptConnection(t *testing.T) {
	server := newServer(t, goServer)
	dir := t.TempDir()
	d := mustOpen(t, server.config(dir))
	for version := range int64(5) {
		mustDeliver(t, d, delivertest.Set(t, "a", version+1, 10))
		server.cut()
	}
	wantPair(t, dir, delivertest.Set(t, "a", 5, 10))
	if server.acceptedSoFar() != 5 {
		t.Errorf("%d connections for 5 deliveries", server.acceptedSoFar())
	}
}

// One connection serves one delivery after the other, few serve many at once,
// and what is idle for long is closed.
func TestPool(t *testing.T) {
	server := newServer(t, goServer)
	d := mustOpen(t, server.config(t.TempDir()))
	for version := range int64(20) {
		mustDeliver(t, d, delivertest.Set(t, "a", version+1, 10))
	}
	if server.acceptedSoFar() != 1 {
		t.Errorf("%d connections for deliveries one after the other", server.acceptedSoFar())
	}
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			if err := deliverTo(t.Context(), d, delivertest.Set(t, fmt.Sprint("s", i), 1, 10)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if server.acceptedSoFar() > maxSessions {
		t.Errorf("%d connections for deliveries at once", server.acceptedSoFar())
	}
	d.pool.closeIdle()
	d.pool.idleFor = time.Nanosecond
	s, _, err := d.pool.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.pool.give(s, true)
	<-s.ended
	if kept := d.pool.pop(); kept != nil {
		t.Error("an ended connection is kept")
	}
}

// A server that never answers holds a delivery up until its ctx ends, whether it
// falls silent at the beginning or once it is known.
func TestSilentServer(t *testing.T) {
	t.Run("handshake", func(t *testing.T) {
		server := newServer(t, goServer)
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			conn, err := silent.Accept()
			cancel()
			if err == nil {
				_, _ = io.Copy(io.Discard, conn)
				conn.Close()
			}
		}()
		d := mustOpen(t, server.config(t.TempDir()))
		line := knownhosts.Line([]string{silent.Addr().String()}, server.hostKey.PublicKey())
		d.address, d.knownHosts = silent.Addr().String(), writeFile(t, []byte(line))
		if err := deliverTo(ctx, d, delivertest.Set(t, "a", 1, 10)); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("session", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		server := newServer(t, func(channel io.ReadWriteCloser) error {
			err := goServer(&muting{ReadWriteCloser: channel, after: 400, muted: cancel})
			return err
		})
		dir := t.TempDir()
		d := mustOpen(t, server.config(dir))
		if err := deliverTo(ctx, d, delivertest.Set(t, "a", 1, 10)); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 && !strings.HasPrefix(entries[0].Name(), tempPrefix) {
			t.Errorf("there are %v (error %v)", entries, err)
		}
	})
}

// muting answers no more after some bytes of answers.
type muting struct {
	io.ReadWriteCloser
	after int
	muted func()
}

func (m *muting) Write(p []byte) (int, error) {
	if m.after -= len(p); m.after < 0 {
		m.muted()
		return len(p), nil
	}
	return m.ReadWriteCloser.Write(p)
}

// A session whose server answers no keep-alive is closed; one whose server
// refuses it as unknown is not.
func TestKeepAlive(t *testing.T) {
	server := newServer(t, goServer)
	d := mustOpen(t, server.config(t.TempDir()))
	connect := func(within time.Duration) (*session, chan<- time.Time) {
		s, err := d.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ticks := make(chan time.Time)
		go s.keepAlive(ticks, within)
		return s, ticks
	}
	s, ticks := connect(time.Minute)
	for range 5 {
		ticks <- time.Time{} // taken once the answer to the one before has come
	}
	if !s.alive() {
		t.Error("a session that answers is closed")
	}
	s.close()
	<-s.ended

	server.behave(func(b *behaviour) { b.deaf = true })
	s, ticks = connect(time.Millisecond)
	ticks <- time.Time{}
	<-s.ended
}

// Whatever a server answers, no error repeats its words.
func TestErrorsDoNotRepeatTheServer(t *testing.T) {
	const words = "the server's words"
	server := newServer(t, func(channel io.ReadWriteCloser) error {
		_, err := channel.Write(append([]byte{0, 0, 0, 0x17, 2, 0, 0, 0, 3}, words...))
		return err
	})
	err := deliverTo(t.Context(), mustOpen(t, server.config(t.TempDir())), delivertest.Set(t, "a", 1, 10))
	if err == nil || isFinal(err) || strings.Contains(err.Error(), words) {
		t.Errorf("error is %v", err)
	}
	refusing := newServer(t, func(channel io.ReadWriteCloser) error {
		handlers := sftp.Handlers{FileGet: refuser(words), FilePut: refuser(words), FileCmd: refuser(words), FileList: refuser(words)}
		return sftp.NewRequestServer(channel, handlers).Serve()
	})
	err = deliverTo(t.Context(), mustOpen(t, refusing.config(t.TempDir())), delivertest.Set(t, "a", 1, 10))
	if err == nil || isFinal(err) || strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "status 4") {
		t.Errorf("error is %v", err)
	}
}

// refuser refuses everything in its words.
type refuser string

func (r refuser) Fileread(*sftp.Request) (io.ReaderAt, error)   { return nil, errors.New(string(r)) }
func (r refuser) Filewrite(*sftp.Request) (io.WriterAt, error)  { return nil, errors.New(string(r)) }
func (r refuser) Filecmd(*sftp.Request) error                   { return errors.New(string(r)) }
func (r refuser) Filelist(*sftp.Request) (sftp.ListerAt, error) { return nil, errors.New(string(r)) }

// A server that answers without end is left.
func TestEndlessAnswers(t *testing.T) {
	server := newServer(t, func(channel io.ReadWriteCloser) error {
		handlers := sftp.Handlers{FileGet: refuser(""), FilePut: refuser(""), FileCmd: refuser(""), FileList: endless{}}
		return sftp.NewRequestServer(channel, handlers).Serve()
	})
	err := deliverTo(t.Context(), mustOpen(t, server.config("/dir")), delivertest.Set(t, "a", 1, 10))
	if !errors.Is(err, errLost) || isFinal(err) {
		t.Errorf("error is %v", err)
	}
}

// endless lists folders that have no end, each entry a folder.
type endless struct{}

func (e endless) Filelist(*sftp.Request) (sftp.ListerAt, error) { return e, nil }

func (e endless) ListAt(infos []fs.FileInfo, _ int64) (int, error) {
	info, err := os.Stat("/")
	for i := range infos {
		infos[i] = info
	}
	return len(infos), err
}
