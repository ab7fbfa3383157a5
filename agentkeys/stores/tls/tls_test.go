package tls_test

import (
	"context"
	"crypto/ecdsa"
	stdtls "crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/agentkeys/stores/tls"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen accepts connections and does something with each, until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			serve(connection)
			connection.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String()
}

// endpoint serves the pair's chain, and tells the names that are asked for.
func endpoint(t *testing.T, pair storetest.Pair, names chan<- string) (address string, public *keys.Public) {
	t.Helper()
	public, err := keys.ParsePublic(pair.Certificates)
	if err != nil {
		t.Fatal(err)
	}
	private, ok := pair.Private.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("no EC key")
	}
	certificate := stdtls.Certificate{Certificate: [][]byte{public.CertificateDER, public.Intermediates[0].Raw}, PrivateKey: private}
	return listen(t, func(c net.Conn) {
		server := stdtls.Server(c, &stdtls.Config{GetCertificate: func(hello *stdtls.ClientHelloInfo) (*stdtls.Certificate, error) {
			select {
			case names <- hello.ServerName:
			default:
			}
			return &certificate, nil
		}})
		_ = server.Handshake()
		// Nothing but the handshake is sent.
		if n, _ := server.Read(make([]byte, 1)); n > 0 {
			t.Error("something was sent")
		}
	}), public
}

// TestInventory: what is served with its chain, and what cannot be reached, told.
func TestInventory(t *testing.T) {
	names := make(chan string, 10)
	good, public := endpoint(t, storetest.NewPair(t, "ec-p256", "web"), names)
	garbage := listen(t, func(c net.Conn) { _, _ = c.Write([]byte("220 mail.example ESMTP\r\n")) })
	silent := listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)); _, _ = c.Read(make([]byte, 1)) })
	closed := listen(t, func(net.Conn) {})
	s, err := tls.New(tls.Config{Endpoints: []string{good, garbage, silent, closed}, ServerName: "web.example", Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	got := storetest.All(t, s)
	if e := got[good]; e.Problem != nil || !stores.SameChain(e.Key, public) || e.Private != stores.PrivateNone {
		t.Errorf("the good one is %+v", e)
	}
	for name, address := range map[string]string{"garbage": garbage, "silent": silent, "closed": closed} {
		if e := got[address]; !errors.Is(e.Problem, stores.ErrUnreadable) {
			t.Errorf("the %s one is %+v", name, e)
		}
	}
	if name := <-names; name != "web.example" {
		t.Errorf("asked was for %q", name)
	}
	if _, err := s.Lookup(t.Context(), "192.0.2.1:443"); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("what is not listed: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	silent := listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)); _, _ = c.Read(make([]byte, 1)) })
	s, err := tls.New(tls.Config{Endpoints: []string{silent}, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	var last error
	for _, err := range s.Inventory(ctx) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("it ends with %v", last)
	}
}

func TestConfigRefused(t *testing.T) {
	for says, config := range map[string]tls.Config{
		"required":     {},
		"no host:port": {Endpoints: []string{"web.example"}},
		"timeout":      {Endpoints: []string{"web.example:443"}, Timeout: time.Hour},
	} {
		if _, err := tls.New(config); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}
