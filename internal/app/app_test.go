package app

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/metrics"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestDeliversAndReloads(t *testing.T) {
	r := run(t, base)
	if status, answer := r.post(t, "prod/db", "tiger"); status != 202 || len(answer.Agents) != 1 {
		t.Fatalf("%d %+v", status, answer)
	}
	until(t, "the file is there", func() bool { return exists(filepath.Join(r.dir, "web", "prod", "db.age.jws")) })
	if status, _ := r.post(t, "prod/else", "tiger"); status != 422 {
		t.Errorf("before the reload: %d", status)
	}

	if err := r.Reload(parse(t, withBatch, r.dir)); err != nil {
		t.Fatal(err)
	}
	if status, answer := r.post(t, "prod/db", "lion"); status != 202 || len(answer.Agents) != 2 {
		t.Fatalf("after the reload: %d %+v", status, answer)
	}
	until(t, "the new agent has its file", func() bool { return exists(filepath.Join(r.dir, "batch", "prod", "db.age")) })

	bad := strings.Replace(withBatch, "batch.pub", "nothing.pub", 1)
	if err := r.Reload(parse(t, bad, r.dir)); err == nil || !strings.Contains(err.Error(), "agent batch: key main") {
		t.Errorf("bad reload: %v", err)
	}
	if status, answer := r.post(t, "prod/else", "puma"); status != 202 || len(answer.Agents) != 1 {
		t.Errorf("after a bad reload: %d %+v", status, answer)
	}

	if err := r.Reload(parse(t, base+"log: {level: warn}\ndata_dir: other\n", r.dir)); err != nil {
		t.Fatal(err)
	}
	log := r.log.String()
	if first, second := strings.Index(log, `"setting":"data_dir"`), strings.Index(log, `"setting":"log"`); first < 0 || second < first {
		t.Errorf("what needs a restart is not told:\n%s", log)
	}
	if exists(filepath.Join(r.dir, "other")) {
		t.Error("a reload moved the outbox")
	}
	if _, err := r.built.Load().Destination("batch", "folder"); err == nil || !strings.Contains(err.Error(), "add it again and retry") {
		t.Errorf("a destination that is gone: %v", err)
	}
}

// TestStopFinishesARequest stops the service while it waits for the body of a
// hook. 100 Continue tells that the handler runs, a refused connection that
// the service takes no more.
func TestStopFinishesARequest(t *testing.T) {
	r := run(t, base)
	conn, err := net.Dial("tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	body := hookBody("prod/db", "tiger")
	_, err = fmt.Fprintf(conn, "POST /v1/hooks/vault HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", token, len(body))
	if err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	expect := func(want string) {
		t.Helper()
		line, err := reader.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+want) {
			t.Fatalf("got %q, %v, want %s", line, err, want)
		}
	}
	expect("100")
	if _, err := reader.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	address, stopped := r.Address(), make(chan error, 1)
	go func() { stopped <- r.Stop() }()
	until(t, "no connection is taken", func() bool {
		other, err := net.Dial("tcp", address)
		if err == nil {
			_ = other.Close()
		}
		return err != nil
	})
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request in flight: %v", err)
	default:
	}
	if _, err := conn.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	expect("202")
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := r.Stop(); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

// TestStopIsBounded: a sender that never ends its request is cut off, and the
// operator is told.
func TestStopIsBounded(t *testing.T) {
	dir := folder(t)
	a, err := New(t.Context(), parse(t, strings.Replace(base, "10s", "1s", 1), dir), Options{InsecureLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", a.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("POST /v1/hooks/vault HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(); err == nil || !strings.Contains(err.Error(), "requests were cut off") {
		t.Errorf("stop: %v", err)
	}
}

func TestStopWithoutStart(t *testing.T) {
	a, err := New(t.Context(), parse(t, base, folder(t)), Options{InsecureLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	if a.Address() != "" || a.AdminAddress() != "" {
		t.Errorf("listens at %q and %q before Start", a.Address(), a.AdminAddress())
	}
	for range 2 {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestRestartKeepsTheOutbox(t *testing.T) {
	dir := folder(t)
	for version := range int64(2) {
		r := &running{dir: dir, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
		var err error
		if r.App, err = New(t.Context(), parse(t, base, dir), Options{InsecureLoopback: true}); err != nil {
			t.Fatal(err)
		}
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		if version == 1 { // the value from before the restart is known
			if status, answer := r.post(t, "prod/db", "value 0"); status != 200 || answer.Status != wire.Unchanged {
				t.Errorf("%d %+v", status, answer)
			}
		}
		if status, answer := r.post(t, "prod/db", fmt.Sprint("value ", version)); status != 202 || answer.Version != version+1 {
			t.Errorf("%d %+v", status, answer)
		}
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReady(t *testing.T) {
	r := run(t, base)
	if status, body := r.get(t, "/readyz"); status != 200 || !strings.Contains(body, `"ready":true`) {
		t.Errorf("%d %s", status, body)
	}
	if err := r.Reload(parse(t, strings.Replace(base, "web.pub", "old.crt", 1), r.dir)); err != nil {
		t.Fatal(err)
	}
	if status, body := r.get(t, "/readyz"); status != 503 || !strings.Contains(body, "no key passes the policy") || !strings.Contains(body, `"outbox":"ok"`) {
		t.Errorf("%d %s", status, body)
	}
	if log := r.log.String(); !strings.Contains(log, "nothing is sealed to this key") || !strings.Contains(log, "agent/web") {
		t.Errorf("the bad key is not told:\n%s", log)
	}
}

// TestOutboxLocked: while another process holds the outbox's lock, hooks are
// refused with 503 and the service is not ready; afterwards all is well.
func TestOutboxLocked(t *testing.T) {
	r := run(t, base)
	db, err := sql.Open("sqlite", OutboxPath(r.cfg)+"?_txlock=immediate&_pragma=busy_timeout(10000)") // the outbox's own driver
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan string)
	go func() {
		response, err := r.client.Get("http://" + r.AdminAddress() + "/readyz")
		if err != nil {
			ready <- err.Error()
			return
		}
		_ = response.Body.Close()
		ready <- response.Status
	}()
	if status, _ := r.post(t, "prod/db", "tiger"); status != 503 {
		t.Errorf("hook: %d", status)
	}
	if status := <-ready; !strings.HasPrefix(status, "503 ") {
		t.Errorf("readyz: %s", status)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if status, answer := r.post(t, "prod/db", "tiger"); status != 202 || answer.Version != 1 {
		t.Errorf("afterwards: %d %+v", status, answer)
	}
}

func TestFailed(t *testing.T) {
	t.Run("listener", func(t *testing.T) {
		r := run(t, base)
		if err := r.hooksListener.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-r.Failed(); err == nil || !strings.Contains(err.Error(), "listener") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("outbox", func(t *testing.T) {
		failed := make(chan struct{})
		close(failed)
		a := &App{failed: make(chan error, 1)}
		a.watch(t.Context(), failed)
		if err := <-a.Failed(); err == nil || !strings.Contains(err.Error(), outbox.ErrUnavailable.Error()) {
			t.Errorf("got %v", err)
		}
	})
}

func TestMetrics(t *testing.T) {
	r := run(t, base)
	r.post(t, "prod/db", "tiger")
	r.post(t, "prod/db", "tiger")
	r.post(t, "prod/other", "tiger")
	var page string
	wanted := []string{
		`sealrelay_hook_duration_seconds_count{outcome="accepted",source="vault"} 1`,
		`sealrelay_hook_duration_seconds_count{outcome="unchanged",source="vault"} 1`,
		`sealrelay_hook_duration_seconds_count{outcome="no-route",source="vault"} 1`,
		`sealrelay_delivery_attempt_duration_seconds_count{agent="web",destination="folder",state="delivered"} 1`,
		`sealrelay_deliveries{state="delivered"} 1`,
		`sealrelay_deliveries{state="pending"} 0`,
		`sealrelay_build_info{version="1.2.3"} 1`,
		"go_goroutines ",
	}
	until(t, "the metrics tell of the delivery", func() bool {
		_, page = r.get(t, "/metrics")
		// A page counts the rows before the attempts.
		return strings.Contains(page, wanted[3]) && strings.Contains(page, wanted[4])
	})
	for _, want := range wanted {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	for _, name := range []string{"prod", "tiger"} {
		if strings.Contains(page, name) {
			t.Errorf("the metrics have %q", name)
		}
	}
}

// busyOutbox is an outbox that cannot count now.
type busyOutbox struct{ outbox.Outbox }

func (busyOutbox) Count(context.Context) (map[outbox.State]int, error) {
	return nil, outbox.ErrUnavailable
}

func (busyOutbox) CountAwaited(context.Context, time.Time) (waiting, overdue int, err error) {
	return 0, 0, outbox.ErrUnavailable
}

func (busyOutbox) Holds(context.Context) ([]outbox.Hold, error) { return nil, outbox.ErrUnavailable }

func TestMetricsWithoutOutbox(t *testing.T) {
	answer := httptest.NewRecorder()
	newObserved(busyOutbox{}, noJobs{}, "1.2.3").ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	page := answer.Body.String()
	if answer.Code != http.StatusOK || !strings.Contains(page, "sealrelay_build_info") || strings.Contains(page, "sealrelay_deliveries") || strings.Contains(page, "sealrelay_values_awaited") {
		t.Errorf("%d, and\n%s", answer.Code, page)
	}
	if got := answer.Header().Get("Content-Type"); got != metrics.ContentType {
		t.Errorf("the page is %s", got)
	}
}

func TestRefusesToStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	busy := taken.Addr().String()
	for _, tc := range []struct {
		name, from, to string
		tls            bool
		want           string
	}{
		{"plain HTTP off loopback", `listen: "127.0.0.1:0", shutdown`, `listen: "0.0.0.0:0", shutdown`, false, "is not on loopback"},
		{"no certificate", "", "", true, "cert_file and key_file are missing"},
		{"certificate not there", "server: {", "server: {cert_file: a.crt, key_file: a.key, ", true, "server certificate"},
		{"client certificate over plain HTTP", `may_write: ["prod/**"]`, "may_write: [\"prod/**\"]\n    client_certificate: {ca_file: old.crt}", false, "client_certificate"},
		{
			"certificate of an agent that is to enrol, over plain HTTP", "routes:\n",
			"  late:\n    enroll: true\n    client_certificate: {ca_file: old.crt, dns_names: [late.example]}\n    destinations: {box: {mailbox: {}}}\nroutes:\n",
			false, "client_certificate",
		},
		{"verified by certificate over plain HTTP", "verify: {bearer: {token_files: [token]}}", "verify: {client-certificate: {ca_file: old.crt}}", false, "client-certificate"},
		{"signing key not there", "service.key", "none.key", false, "signing_key_file: "},
		{"signing key of another kind", "service.key", "old.key", false, "Ed25519"},
		{"hooks port taken", `listen: "127.0.0.1:0", shutdown`, fmt.Sprintf(`listen: %q, shutdown`, busy), false, "server: listen"},
		{"admin port taken", `admin: {listen: "127.0.0.1:0"}`, fmt.Sprintf(`admin: {listen: %q}`, busy), false, "admin: listen"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, err := New(t.Context(), parse(t, strings.Replace(base, tc.from, tc.to, 1), folder(t)), Options{InsecureLoopback: !tc.tls})
			if err == nil {
				err = a.Start()
				if stopErr := a.Stop(); stopErr != nil {
					t.Errorf("stop: %v", stopErr)
				}
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestTLSAndAdminOff(t *testing.T) {
	dir := folder(t)
	writeCertificate(t, dir, 1)
	text := strings.Replace(base, "server: {", "server: {cert_file: server.crt, key_file: server.key, ", 1)
	text = strings.Replace(text, `admin: {listen: "127.0.0.1:0"}`, `admin: {listen: "off"}`, 1)
	var log logged
	a, err := New(t.Context(), parse(t, text, dir), Options{Log: zerolog.New(&log)})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	if a.AdminAddress() != "" || !strings.Contains(log.String(), `"tls":true`) {
		t.Errorf("admin at %q, log %s", a.AdminAddress(), log.String())
	}
	if serial := servedSerial(t, a.Address()); serial != 1 {
		t.Errorf("certificate %d", serial)
	}
	writeCertificate(t, dir, 2)
	if err := a.Reload(parse(t, text, dir)); err != nil {
		t.Error(err)
	}
	if serial := servedSerial(t, a.Address()); serial != 2 {
		t.Errorf("certificate %d after the reload", serial)
	}
	write(t, dir, "server.crt", []byte("damaged"))
	if err := a.Reload(parse(t, strings.Replace(text, "  - {secrets", "  - {secrets: [\"prod/*\"], agents: [web]}\n  - {secrets", 1), dir)); err == nil {
		t.Error("a reload with a bad certificate succeeds")
	}
	if serial := servedSerial(t, a.Address()); serial != 2 {
		t.Errorf("certificate %d after a bad one", serial)
	}
	if err := a.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// heldOutbox has a destination that is paused and one that keeps failing.
type heldOutbox struct{ busyOutbox }

func (heldOutbox) Holds(context.Context) ([]outbox.Hold, error) {
	return []outbox.Hold{
		{Destination: outbox.Destination{Agent: "batch"}, Paused: time.Now(), By: "operator/ann"},
		{Destination: outbox.Destination{Agent: "web", Destination: "push"}, Broken: time.Now(), Faults: 5, Reason: "connection refused"},
	}, nil
}

func TestMetricsOfHeld(t *testing.T) {
	answer := httptest.NewRecorder()
	newObserved(heldOutbox{}, noJobs{}, "1.2.3").ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`sealrelay_destination_held{agent="batch",destination="",why="paused"} 1`,
		`sealrelay_destination_held{agent="web",destination="push",why="failing"} 1`,
	} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, answer.Body)
		}
	}
}

// noJobs has no run.
type noJobs struct{ outbox.Jobs }

func (noJobs) CountRuns(context.Context) ([]outbox.RunCount, error) { return nil, nil }
