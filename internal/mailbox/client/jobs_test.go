package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/mailbox/client"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// network brings connections to the service that listens now, in memory, so that the
// time of a bubble goes by while somebody waits for an answer.
type network struct {
	mu sync.Mutex
	to chan net.Conn
	// lose has the network lose answers: what comes back on a connection after a
	// request with that in its first line.
	lose string
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.mu.Lock()
	to := n.to
	n.mu.Unlock()
	if to == nil {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	select {
	case to <- theirs:
		return &lossy{Conn: ours, network: n}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// lossy is a connection that can lose an answer.
type lossy struct {
	net.Conn
	network *network
	mu      sync.Mutex
	lost    bool
}

func (l *lossy) Write(data []byte) (int, error) {
	line, _, _ := strings.Cut(string(data), "\r\n")
	l.network.mu.Lock()
	if lose := l.network.lose; lose != "" && strings.Contains(line, lose) {
		l.network.lose = ""
		l.mu.Lock()
		l.lost = true
		l.mu.Unlock()
	}
	l.network.mu.Unlock()
	return l.Conn.Write(data)
}

func (l *lossy) Read(into []byte) (int, error) {
	n, err := l.Conn.Read(into)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost && n > 0 {
		_ = l.Close()
		return 0, errors.New("connection reset")
	}
	return n, err
}

// listener takes the network's connections.
type listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// relay is a service with jobs, whose agents are web and batch, in a bubble.
type relay struct {
	t       *testing.T
	store   *sqlite.Outbox
	network *network
	desk    *jobs.Desk
	stop    func()
	log     *bytes.Buffer

	mu      sync.Mutex
	defined map[string]jobs.Definition
}

func (r *relay) definitions() map[string]jobs.Definition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.defined)
}

func keyOf(agent string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte((agent + strings.Repeat("x", 32))[:32]))
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, store: store, network: &network{}, log: &bytes.Buffer{}, defined: map[string]jobs.Definition{}}
	r.start()
	return r
}

// start starts the service; only the outbox is what it was before.
func (r *relay) start() {
	r.t.Helper()
	r.desk = jobs.NewDesk(jobs.DeskOptions{Jobs: r.store, Definitions: r.definitions, Log: zerolog.Nop()})
	agents := map[string]*mailbox.Agent{}
	for _, name := range []string{"web", "batch"} {
		verifier, err := mailbox.NewSignatureVerifier([]ed25519.PublicKey{keyOf(name).Public().(ed25519.PublicKey)})
		if err != nil {
			r.t.Fatal(err)
		}
		agents[name] = &mailbox.Agent{Name: name, Verifier: verifier}
	}
	box, err := mailbox.New(mailbox.Options{Outbox: r.store, Issuer: "relay", Log: zerolog.Nop(), Jobs: r.desk.For, Agents: func(name string) *mailbox.Agent { return agents[name] }})
	if err != nil {
		r.t.Fatal(err)
	}
	server := httpapi.NewServer(httpapi.New(httpapi.Options{Mailbox: box, MaxInFlight: 8, Log: zerolog.Nop()}), nil, zerolog.Nop())
	at := &listener{conns: make(chan net.Conn), done: make(chan struct{})}
	r.network.mu.Lock()
	r.network.to = at.conns
	r.network.mu.Unlock()
	ctx, cancel := context.WithCancel(r.t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.desk.Run(ctx) })
	running.Go(func() { _ = server.Serve(at) })
	r.stop = sync.OnceFunc(func() {
		r.network.mu.Lock()
		r.network.to = nil
		r.network.mu.Unlock()
		r.desk.Close()
		box.Close()
		_ = server.Shutdown(context.WithoutCancel(ctx))
		cancel()
		running.Wait()
	})
}

// close ends everything, so that the bubble can.
func (r *relay) close() {
	r.stop()
	if err := r.store.Close(); err != nil {
		r.t.Error(err)
	}
}

// work is the agent's side.
func (r *relay) work(agent string) (*client.Jobs, *http.Transport) {
	r.t.Helper()
	transport := &http.Transport{DialContext: r.network.dial}
	c, err := client.New(client.Options{URL: "http://relay", Agent: agent, SigningKey: keyOf(agent), HTTP: &http.Client{Transport: transport}})
	if err != nil {
		r.t.Fatal(err)
	}
	return client.NewJobs(c, zerolog.New(zerolog.SyncWriter(r.log))), transport
}

// add adds a run that is web's.
func (r *relay) add(id, kind string) {
	r.t.Helper()
	now := time.Now()
	r.mu.Lock()
	r.defined["job-"+id] = jobs.Definition{Name: "job-" + id, Runner: "web", Kind: kind, Settings: []byte(`{"store":"tls"}`), Timeout: time.Hour}
	r.mu.Unlock()
	run := outbox.Run{ID: id, Job: "job-" + id, Runner: "web", Kind: kind, Settings: []byte(`{"store":"tls"}`), Timeout: time.Hour, Trigger: outbox.ByOperator, State: outbox.RunWaiting, AddedAt: now, DueAt: now}
	if err := r.store.AddRun(r.t.Context(), run, &audit.Entry{At: now, Kind: audit.JobStarted, Actor: "test"}); err != nil {
		r.t.Fatal(err)
	}
}

// run reads a run, and what it put out.
func (r *relay) run(id string) (outbox.Run, string) {
	r.t.Helper()
	run, err := r.store.GetRun(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	var out strings.Builder
	if err := r.store.Output(r.t.Context(), id, func(chunk []byte) error { out.Write(chunk); return nil }); err != nil {
		r.t.Fatal(err)
	}
	return run, out.String()
}

// agentOf runs a runner of that agent until the returned function stops it.
func (r *relay) agentOf(name string, kinds map[string]jobs.Kind) (stop func()) {
	work, transport := r.work(name)
	runner := jobs.NewRunner(jobs.RunnerOptions{Work: work, Kinds: func() map[string]jobs.Kind { return kinds }, Together: 2, Log: zerolog.Nop()})
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan struct{})
	go func() { runner.Run(ctx); close(ended) }()
	return sync.OnceFunc(func() {
		cancel()
		<-ended
		transport.CloseIdleConnections()
	})
}

// untilEnd is a task that goes on until it is told to stop.
func untilEnd(began chan<- string) jobs.Kind {
	return func(ctx context.Context, task jobs.Task) (jobs.Report, error) {
		fmt.Fprintln(task.Output, "began")
		began <- task.ID
		<-ctx.Done()
		return jobs.Report{}, ctx.Err()
	}
}

// bubble runs a test with a relay, in a time of its own.
func bubble(t *testing.T, do func(t *testing.T, r *relay)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRelay(t)
		defer r.close()
		do(t, r)
	})
}

func TestJobs(t *testing.T) {
	bubble(t, func(t *testing.T, r *relay) {
		r.add("r1", "hello")
		r.add("r2", "other")
		r.add("r3", "warns")
		stop := r.agentOf("web", map[string]jobs.Kind{
			"hello": func(_ context.Context, task jobs.Task) (jobs.Report, error) {
				_, err := fmt.Fprintf(task.Output, "%s %s %s%s", task.ID, task.Job, task.Settings, bytes.Repeat([]byte("x"), 1<<20))
				return jobs.Report{Message: "done", Changed: "tls"}, err
			},
			"warns": func(ctx context.Context, task jobs.Task) (jobs.Report, error) {
				_, err := task.Sign(ctx, []byte("csr"))
				return jobs.Report{Warning: true, Message: fmt.Sprint(errors.Is(err, jobs.ErrNotSigned))}, nil
			},
		})
		defer stop()
		// A run of another agent is none of its.
		other := r.agentOf("batch", map[string]jobs.Kind{"hello": func(context.Context, jobs.Task) (jobs.Report, error) { panic("another agent has it") }})
		defer other()
		<-time.After(time.Minute)
		run, out := r.run("r1")
		if run.State != outbox.RunEnded || run.Result != outbox.RunSuccess || run.Message != "done" || run.Claims != 1 {
			t.Errorf("it is %+v", run)
		}
		if want := `r1 job-r1 {"store":"tls"}xxx`; !strings.HasPrefix(out, want) || len(out) != len(want)-3+1<<20 {
			t.Errorf("it put out %d bytes: %.40q", len(out), out)
		}
		if run, _ := r.run("r2"); run.Result != outbox.RunFailure || !strings.Contains(run.Message, "not done here") {
			t.Errorf("that of another kind is %+v", run)
		}
		if run, _ := r.run("r3"); run.Result != outbox.RunWarning || run.Message != "true" {
			t.Errorf("that which asked for a certificate is %+v", run)
		}
	})
}

// TestJobsCancelled: a task that is cancelled at the service is told to stop, and says
// that it did.
func TestJobsCancelled(t *testing.T) {
	bubble(t, func(t *testing.T, r *relay) {
		began := make(chan string, 9)
		defer r.agentOf("web", map[string]jobs.Kind{"long": untilEnd(began)})()
		r.add("r1", "long")
		<-began
		if _, err := r.desk.Cancel(t.Context(), "r1", "operator"); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if run, out := r.run("r1"); run.State != outbox.RunCancelled || run.Claims != 1 || out != "began\n" {
			t.Errorf("it is %+v, %q", run, out)
		}
	})
}

// TestJobsAgentStops: an agent that stops gives its runs back, and is given them when it
// is there again.
func TestJobsAgentStops(t *testing.T) {
	bubble(t, func(t *testing.T, r *relay) {
		began := make(chan string, 9)
		kinds := map[string]jobs.Kind{"long": untilEnd(began)}
		stop := r.agentOf("web", kinds)
		r.add("r1", "long")
		<-began
		stop()
		at := time.Now()
		defer r.agentOf("web", kinds)()
		if <-began; time.Since(at) > time.Minute {
			t.Errorf("it began again after %v", time.Since(at))
		}
		if run, _ := r.run("r1"); run.State != outbox.RunRunning || run.Fence != 2 {
			t.Errorf("it is %+v", run)
		}
	})
}

// TestJobsServiceRestarts: while a run goes on the service may start anew.
func TestJobsServiceRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, r *relay) {
		began, end := make(chan string, 9), make(chan struct{})
		kind := func(_ context.Context, task jobs.Task) (jobs.Report, error) {
			began <- task.ID
			<-end
			_, err := fmt.Fprint(task.Output, "after")
			return jobs.Report{Message: "done"}, err
		}
		defer r.agentOf("web", map[string]jobs.Kind{"long": kind})()
		r.add("r1", "long")
		<-began
		r.stop()
		<-time.After(time.Minute) // The lease is not over.
		r.start()
		<-time.After(5 * time.Minute) // It would be, if it were not extended.
		r.stop()
		close(end)
		<-time.After(jobs.Lease - 30*time.Second)
		r.start()
		<-time.After(2 * time.Minute)
		if run, out := r.run("r1"); run.State != outbox.RunEnded || run.Result != outbox.RunSuccess || run.Claims != 1 || out != "after" {
			t.Errorf("it is %+v, %q", run, out)
		}
		r.add("r2", "long")
		<-time.After(4 * time.Minute)
		if run, _ := r.run("r2"); run.State != outbox.RunEnded || run.Claims != 1 {
			t.Errorf("the next is %+v", run)
		}
		if log := r.log.String(); strings.Count(log, "cannot be asked") != strings.Count(log, "can be asked for jobs again") || !strings.Contains(log, "again") {
			t.Errorf("it logged %s", log)
		}
	})
}

// TestJobsLost: an agent whose lease ran out while it did not reach the service stops the
// task, and the run is done once more, by whoever is there.
func TestJobsLost(t *testing.T) {
	bubble(t, func(t *testing.T, r *relay) {
		began, stopped := make(chan string, 9), make(chan error, 9)
		long := untilEnd(began)
		kind := func(ctx context.Context, task jobs.Task) (jobs.Report, error) {
			report, err := long(ctx, task)
			stopped <- context.Cause(ctx)
			return report, err
		}
		stop := r.agentOf("web", map[string]jobs.Kind{"long": kind})
		defer stop()
		r.add("r1", "long")
		<-began
		at := time.Now()
		r.stop()
		if cause := <-stopped; cause == nil || time.Since(at) > jobs.Lease+time.Minute {
			t.Errorf("it was stopped by %v after %v", cause, time.Since(at))
		}
		r.start()
		<-began
		if run, _ := r.run("r1"); run.State != outbox.RunRunning || run.Claims != 2 {
			t.Errorf("it is %+v", run)
		}
		// Whoever has the older claim can do nothing with it.
		work, transport := r.work("web")
		defer transport.CloseIdleConnections()
		_, extended := work.Extend(t.Context(), "r1", 1)
		for _, err := range []error{
			extended, work.Append(t.Context(), "r1", 1, 0, []byte("x")),
			work.End(t.Context(), "r1", 1, jobs.End{Result: outbox.RunSuccess}),
		} {
			if !errors.Is(err, outbox.ErrNoRun) {
				t.Errorf("the older claim is told %v", err)
			}
		}
	})
}

// TestJobsAnswersLost: what was done at the service and not heard of is not done twice.
func TestJobsAnswersLost(t *testing.T) {
	for _, call := range []string{"/claim", "/extend", "/output", "/end"} {
		t.Run(call, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *relay) {
				r.network.lose = call
				r.add("r1", "slow")
				defer r.agentOf("web", map[string]jobs.Kind{"slow": func(ctx context.Context, task jobs.Task) (jobs.Report, error) {
					for i := range 3 {
						fmt.Fprintln(task.Output, i)
						select {
						case <-time.After(time.Minute):
						case <-ctx.Done():
						}
					}
					return jobs.Report{}, ctx.Err()
				}})()
				<-time.After(5 * time.Minute)
				if run, out := r.run("r1"); run.State != outbox.RunEnded || run.Result != outbox.RunSuccess || run.Claims != 1 || out != "0\n1\n2\n" {
					t.Errorf("it is %+v, %q", run, out)
				}
				if r.network.lose != "" {
					t.Error("no answer was lost")
				}
			})
		})
	}
}

// TestJobsNotARelay: what answers otherwise is not believed, and not asked too often.
func TestJobsNotARelay(t *testing.T) {
	for _, answer := range []string{
		`{"run":{}}`, `[]`, `{"run":{"id":"r","fence":1,"job":"j","kind":"k","settings":{},"timeout_seconds":0}}`,
		`{"run":{"id":"r","fence":1,"job":"j","kind":"k","settings":{},"timeout_seconds":99999999999}}`,
		`{"run":{"id":"r","fence":-1,"job":"j","kind":"k","settings":{},"timeout_seconds":1}}`,
		`{"run":{"id":"r","fence":1,"job":"j","kind":"k","settings":"CANARY","timeout_seconds":1}}`,
		`{"run":null}`, `CANARY`,
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			transport := roundTrip(func(r *http.Request) (*http.Response, error) {
				asked++
				w := &answered{header: http.Header{}}
				fmt.Fprint(w, answer)
				return w.response(r), nil
			})
			var log bytes.Buffer
			c, err := client.New(client.Options{URL: "http://relay", Agent: "web", SigningKey: key, HTTP: &http.Client{Transport: transport}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			run, err := client.NewJobs(c, zerolog.New(&log)).Claim(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(log.String(), "CANARY") {
				t.Errorf("%s: claimed %+v, %v; logged %s", answer, run, err, log.String())
			}
			if limit := map[bool]int{true: 4600, false: 60}[answer == `{"run":null}`]; asked > limit || asked < 20 {
				t.Errorf("%s: asked %d times", answer, asked)
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (do roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return do(r) }

type answered struct {
	bytes.Buffer
	header http.Header
}

func (a *answered) response(r *http.Request) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: a.header, Body: body{&a.Buffer}, Request: r}
}

type body struct{ *bytes.Buffer }

func (body) Close() error { return nil }
