package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// sealedPushes is how many canaries are pushed each way.
const sealedPushes = 100

// TestServiceNeverSeesSealed pushes canaries with --seal to a running service,
// over plain HTTP through a proxy that records it, and looks for them in the
// traffic and in all of the service's memory: neither has any. The same without
// --seal is the control: the traffic has them all, and the memory some.
func TestServiceNeverSeesSealed(t *testing.T) {
	dir := programDir(t)
	sealed := pushCanaries(t, dir, "sealed", "--seal", "--service-key", filepath.Join(dir, "sealed", "service.pub"))
	plain := pushCanaries(t, dir, "plain")
	t.Logf("sealed: %+v; control: %+v", sealed, plain)
	if sealed.traffic > 0 || sealed.memory > 0 {
		t.Errorf("sealed at the source, %d of %d canaries are in the traffic and %d in the service's memory", sealed.traffic, sealedPushes, sealed.memory)
	}
	if sealed.bytes < sealedPushes<<10 {
		t.Errorf("only %d bytes of traffic were recorded", sealed.bytes)
	}
	if plain.traffic != sealedPushes || plain.memory == 0 {
		t.Errorf("the control has %d of %d canaries in the traffic and %d in the service's memory", plain.traffic, sealedPushes, plain.memory)
	}
}

// sightings is where canaries were seen, and how much was looked at.
type sightings struct{ traffic, memory, bytes int }

// pushCanaries pushes each canary once, with these arguments, to a service of
// its own whose configuration is in the folder of that name.
func pushCanaries(t *testing.T, dir, name string, args ...string) sightings {
	t.Helper()
	program, kept := filepath.Join(dir, "sealrelay"), filepath.Join(dir, name)
	pid, address := serveDemo(t, program, kept)
	recorded := record(t, address)
	var canaries [][]byte
	for range sealedPushes {
		canary := rand.Text()
		push := exec.CommandContext(t.Context(), program, append([]string{"push", "prod/db/orders",
			"--url", "http://" + recorded.address + "/v1/hooks/password-manager", "--secret-file", filepath.Join(kept, "hook.secret")}, args...)...)
		push.Stdin = strings.NewReader(canary)
		if out, err := push.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		canaries = append(canaries, []byte(canary))
	}
	traffic := recorded.bytes()
	inMemory := map[int]bool{}
	walkMemory(t, pid, len(canaries[0]), func(part []byte) {
		for i, canary := range canaries {
			half := len(canary) / 2
			if !inMemory[i] && (bytes.Contains(part, canary[:half]) || bytes.Contains(part, canary[half:])) {
				inMemory[i] = true
			}
		}
	})
	seen := sightings{bytes: len(traffic), memory: len(inMemory)}
	for _, canary := range canaries {
		encoded := base64.StdEncoding.EncodeToString(canary)[:32] // What follows would depend on its length.
		if bytes.Contains(traffic, canary) || bytes.Contains(traffic, []byte(encoded)) {
			seen.traffic++
		}
	}
	return seen
}

// serveDemo runs the service with the demo's configuration, over plain HTTP, and
// returns its process and address.
func serveDemo(t *testing.T, program, kept string) (pid int, address string) {
	t.Helper()
	if out, err := exec.Command(program, "demo", "--keep", kept).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	config := filepath.Join(kept, "sealrelay.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.NewReplacer("listen: 127.0.0.1:8443", "listen: 127.0.0.1:0", "  cert_file: server.crt\n", "", "  key_file: server.key\n", "",
		"issuer:", "admin: {listen: \"off\"}\nissuer:").Replace(string(text))
	if err := os.WriteFile(config, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	service := exec.CommandContext(t.Context(), program, "serve", "--insecure-loopback", "--config", config)
	stderr, err := service.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = service.Process.Kill()
		_ = service.Wait()
	})
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		var ready struct{ Message, Hooks string }
		if json.Unmarshal(lines.Bytes(), &ready) == nil && ready.Message == "sealrelay is ready" {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return service.Process.Pid, ready.Hooks
		}
	}
	t.Fatalf("the service did not become ready: %v", lines.Err())
	return 0, ""
}

// recorder keeps what goes through it, both ways.
type recorder struct {
	address string
	mu      sync.Mutex
	content bytes.Buffer
}

func (r *recorder) Write(data []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.content.Write(data)
}

func (r *recorder) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.content.Bytes())
}

// record is a proxy on loopback to the address.
func record(t *testing.T, to string) *recorder {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{address: listener.Addr().String()}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.forward(client, to) })
		}
	})
	return r
}

func (r *recorder) forward(client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, io.TeeReader(client, r))
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, io.TeeReader(server, r))
}
