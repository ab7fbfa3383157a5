package https_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A proxy that is set is used, with TLS from end to end through it; one that the
// environment names is not.
func TestProxy(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	server, dir := serve(t, newAgent())
	connects, ended := make(chan string, 10), make(chan struct{}, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			t.Errorf("the proxy was asked to %s", r.Method)
		}
		connects <- r.Host
		tunnel(t, w, r.Host)
		ended <- struct{}{}
	}))
	t.Cleanup(proxy.Close)
	if err := deliverOne(t, to(t, server.URL, dir, "")); err != nil || len(connects) != 0 {
		t.Fatalf("without a proxy: %v, %d connections through one", err, len(connects))
	}
	if err := deliverOne(t, to(t, server.URL, dir, "proxy: "+proxy.URL, public(agentKey))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.CloseClientConnections()
		<-ended
	})
	if host := <-connects; "https://"+host != server.URL {
		t.Errorf("the proxy was asked for %s, want %s", host, server.URL)
	}
	refused, err := open(dir, "url: https://agent.example\nproxy: "+proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := deliverOne(t, refused); err == nil || !strings.Contains(err.Error(), "no connection is made to 127.0.0.1") {
		t.Errorf("a proxy whose address is not allowed: %v", err)
	}
}

// tunnel carries a connection until either side ends it.
func tunnel(t *testing.T, w http.ResponseWriter, host string) {
	up, err := net.Dial("tcp", host)
	if err != nil {
		t.Error(err)
		return
	}
	defer up.Close()
	down, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer down.Close()
	_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(up, buffered) // what came with the request as well
		up.Close()
	})
	both.Go(func() {
		_, _ = io.Copy(down, up)
		down.Close()
	})
	both.Wait()
}
