package https_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// fault is what happens to a connection.
type fault int

const (
	// worn ends when it has carried some requests, as all others do at the latest.
	worn fault = iota
	// slow lets bytes through in small pieces with pauses between them.
	slow
	// cutRequest and cutAnswer end the connection in the middle of what is sent.
	cutRequest
	cutAnswer
	// silent takes all and never answers.
	silent
	faults
)

// faultyNetwork carries connections to a server, each with a fault, in turn.
type faultyNetwork struct {
	net.Listener
	server string
	ctx    context.Context
	group  sync.WaitGroup
	mu     sync.Mutex
	met    [faults]int
}

func newFaultyNetwork(t *testing.T, server string) *faultyNetwork {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &faultyNetwork{Listener: listener, server: server, ctx: ctx}
	n.group.Go(n.serve)
	t.Cleanup(func() {
		cancel()
		listener.Close()
		n.group.Wait()
	})
	return n
}

func (n *faultyNetwork) serve() {
	for f := worn; ; f = (f + 1) % faults {
		conn, err := n.Accept()
		if err != nil {
			return
		}
		n.mu.Lock()
		n.met[f]++
		n.mu.Unlock()
		n.group.Go(func() { n.carry(conn, f) })
	}
}

// carry ends both connections when either way ends.
func (n *faultyNetwork) carry(client net.Conn, f fault) {
	ctx, cancel := context.WithCancel(n.ctx)
	defer cancel()
	server, err := net.Dial("tcp", n.server)
	if err != nil {
		client.Close()
		return
	}
	context.AfterFunc(ctx, func() { client.Close() })
	context.AfterFunc(ctx, func() { server.Close() })
	var both sync.WaitGroup
	both.Go(func() {
		defer cancel()
		n.copy(ctx, server, client, f, cutRequest)
	})
	both.Go(func() {
		defer cancel()
		n.copy(ctx, client, server, f, cutAnswer)
	})
	both.Wait()
}

// copy carries one way; cut is the fault that cuts this one. The handshake is
// mostly over by then, so that the cut is in the middle of a message.
func (n *faultyNetwork) copy(ctx context.Context, to io.Writer, from io.Reader, f, cut fault) {
	switch {
	case f == cut:
		from = io.LimitReader(from, 1000+rand.N(int64(20_000)))
	case f == silent && cut == cutAnswer:
		from = io.LimitReader(from, 2500) // the handshake, and not much more
		_, _ = io.Copy(to, from)
		<-ctx.Done()
		return
	case f == slow:
		to = &trickle{ctx, to}
	}
	from = io.LimitReader(from, 20_000+rand.N(int64(40_000)))
	_, _ = io.Copy(to, from)
}

// trickle writes in small pieces.
type trickle struct {
	ctx context.Context
	to  io.Writer
}

func (w *trickle) Write(data []byte) (int, error) {
	for piece := range slices.Chunk(data, 700) {
		timer := time.NewTimer(rand.N(3 * time.Millisecond))
		select {
		case <-timer.C:
		case <-w.ctx.Done():
			timer.Stop()
			return 0, w.ctx.Err()
		}
		if _, err := w.to.Write(piece); err != nil {
			return 0, err
		}
	}
	return len(data), nil
}

// repeating is a network that keeps requests and brings them again later: the
// same one twice, and old ones after newer ones.
type repeating struct {
	*agent
	mu     sync.Mutex
	bodies [][]byte
}

func (r *repeating) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.bodies = append(r.bodies, body)
	old := r.bodies[rand.N(len(r.bodies))]
	r.mu.Unlock()
	var group sync.WaitGroup
	group.Go(func() { r.take(old) })
	group.Go(func() { r.take(body) })
	r.answer(w, body)
	group.Wait()
	r.take(old)
}

// Through a network that delays, cuts, repeats, reorders and swallows, every
// delivery gets there at its newest version with its receipt, and no older version
// comes in force after a newer one; so do those of another destination.
func TestFaultyNetwork(t *testing.T) {
	const secrets, versions = 20, 6
	receiver := &repeating{agent: newAgent()}
	server, dir := serve(t, receiver)
	network := newFaultyNetwork(t, server.Listener.Addr().String())
	sound := newAgent()
	soundServer, soundDir := serve(t, sound)
	destinations := map[string]deliver.Destination{
		"destination": to(t, "https://"+network.Addr().String(), dir, "timeout: 1s", public(agentKey)),
		"sound":       to(t, soundServer.URL, soundDir, "", public(agentKey)),
	}
	box, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "data", "outbox.db"), sqlite.Options{Warn: func(m string) { t.Log(m) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	settled := make(chan deliver.Attempt, 100_000)
	stop := dispatch(t, box, destinations, settled)

	for version := range int64(versions) {
		for i := range secrets {
			commit(t, box, delivertest.Set(t, fmt.Sprint("team/s", i), version+1, 3000))
		}
	}
	attempts := 0
	for delivered := 0; delivered < 2*secrets; attempts++ {
		<-settled
		counts, err := box.Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if counts[outbox.Dead] > 0 {
			t.Fatalf("rows are given up: %v", counts)
		}
		delivered = counts[outbox.Delivered]
	}
	stop()

	for i := range secrets {
		d := delivertest.Set(t, fmt.Sprint("team/s", i), versions, 3000)
		for destination, at := range map[string]*agent{"destination": receiver.agent, "sound": sound} {
			checkThere(t, box, at, destination, d)
		}
	}
	network.mu.Lock()
	defer network.mu.Unlock()
	t.Logf("%d attempts at %d deliveries; connections by fault (worn, slow, cut request, cut answer, silent): %v", attempts, 2*secrets, network.met)
	if slices.Contains(network.met[:], 0) {
		t.Errorf("a fault did not happen: %v", network.met)
	}
}

// checkThere checks that the agent has exactly this delivery, that its versions
// only rose, and that the row has the receipt.
func checkThere(t *testing.T, box outbox.Outbox, at *agent, destination string, d outbox.Delivery) {
	t.Helper()
	envelope, signed, _ := at.read(d.Secret)
	if !bytes.Equal(envelope, d.Envelope) || signed != d.Statement {
		t.Errorf("%s: %s is not at its newest version", destination, d.Secret)
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	if applied := at.applied[d.Secret]; !slices.IsSorted(applied) || len(slices.Compact(slices.Clone(applied))) != len(applied) {
		t.Errorf("%s: versions of %s came in force as %v", destination, d.Secret, applied)
	}
	d.Destination = destination
	row, err := box.Get(t.Context(), d.Key)
	if err != nil || row.State != outbox.Delivered || row.DeliveredVersion != d.Version {
		t.Errorf("%s: %s stands at %s, version %d (error %v)", destination, d.Secret, row.State, row.DeliveredVersion, err)
	}
	if claims, err := receipt.Verify(row.Receipt, public(agentKey)); err != nil || claims.Version != d.Version {
		t.Errorf("%s: the receipt of %s is %+v (error %v)", destination, d.Secret, claims, err)
	}
}

// dispatch runs a dispatcher that tries again at once, until it is stopped.
func dispatch(t *testing.T, box outbox.Outbox, destinations map[string]deliver.Destination, settled chan<- deliver.Attempt) (stop func()) {
	t.Helper()
	dispatcher, err := deliver.New(deliver.Options{
		Outbox:         box,
		Resolve:        func(_, name string) (deliver.Destination, error) { return destinations[name], nil },
		Workers:        16,
		PerDestination: 8,
		BreakAfter:     5,
		Lease:          time.Minute,
		Drain:          time.Minute,
		Schedule:       deliver.Schedule{First: time.Millisecond, Factor: 1, Max: time.Millisecond, GiveUpAfter: time.Hour, MinAttempts: 1},
		Log:            zerolog.Nop(),
		Observe:        func(a deliver.Attempt) { settled <- a },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { dispatcher.Run(ctx) })
	stop = func() {
		cancel()
		group.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func commit(t *testing.T, box outbox.Outbox, d outbox.Delivery) {
	t.Helper()
	now := time.Now()
	id := fmt.Sprint(d.Secret, "@", d.Version)
	change := outbox.Change{
		Source: "test", EventID: id, Secret: d.Secret, Operation: d.Operation, Version: d.Version, ReceivedAt: now, Answer: []byte("{}"),
		Audit: audit.Entry{At: now, Kind: audit.EventAccepted, Actor: "source/test", EventID: id, Secret: d.Secret, Version: d.Version},
	}
	for _, destination := range []string{"destination", "sound"} {
		change.Sealed = append(change.Sealed, outbox.Sealed{
			Agent: d.Agent, Destination: destination, Format: d.Format, KeyID: d.KeyID, Envelope: d.Envelope, Statement: d.Statement,
		})
	}
	if err := box.Commit(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// A receiver that never answers is given up after the time-out, and the delivery
// is tried again.
func TestSilentReceiver(t *testing.T) {
	server, dir := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	err := deliverOne(t, to(t, server.URL, dir, "timeout: 1s"))
	if err == nil || err.Error() != "no answer within 1s" || final(err) {
		t.Errorf("error is %v", err)
	}
}

// An answer that is cut after its head says that the version is there, but not
// its receipt.
func TestCutAnswer(t *testing.T) {
	server, dir := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"receipt":"`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	if err := deliverOne(t, to(t, server.URL, dir, "")); err != nil {
		t.Errorf("of a receiver without receipts: %v", err)
	}
	err := deliverOne(t, to(t, server.URL, dir, "", public(agentKey)))
	if err == nil || err.Error() != "the connection ended before the answer did" || final(err) {
		t.Errorf("of an agent: %v", err)
	}
}
