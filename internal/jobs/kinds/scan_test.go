package kinds_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// serves accepts connections until the test ends.
func serves(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer connection.Close()
				serve(connection)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		group.Wait()
	})
	return listener.Addr().String()
}

// closed is an address where nobody is.
func closed(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestTLSScan(t *testing.T) {
	at := strings.TrimSuffix(strings.TrimPrefix(answers(t, newAuthority(t, "root"), func(http.ResponseWriter, *http.Request) {}), "https://"), "/roots")
	var j job
	report, lines, err := j.run(t, "tls-scan", "{targets: ['"+at+"', '"+closed(t)+"']}")
	if err != nil || report.Warning || report.Message != "2 addresses: 1 answered, 1 closed or silent, 0 otherwise or not reached; found 1 tls" {
		t.Errorf("%+v, %v", report, err)
	}
	if len(lines) != 1 || lines[0]["path"] != at || lines[0]["about"].(map[string]any)["issuer"] != "CN=root" {
		t.Errorf("put out %v", lines)
	}
	plain := serves(t, func(connection net.Conn) { _, _ = connection.Write([]byte("220 hello\r\n")) })
	report, lines, err = j.run(t, "tls-scan", "{targets: ['"+plain+"']}")
	if err != nil || !report.Warning || !strings.HasSuffix(report.Message, `nothing found; 1 with a problem: "`+plain+`"`) || len(lines) != 1 || lines[0]["problem"] == nil {
		t.Errorf("%+v, %v, %v", report, lines, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	report, _, err = j.runIn(t, ended, "tls-scan", "{targets: ['"+at+"']}")
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(report.Message, "1 addresses: 0 answered") {
		t.Errorf("after the end: %+v, %v", report, err)
	}
}

func TestSSHScan(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(signer)
	at := serves(t, func(connection net.Conn) {
		_, _, _, _ = ssh.NewServerConn(connection, config) // Who asks for the key leaves then.
	})
	dir := t.TempDir()
	text := "{targets: ['" + at + "'], known_hosts: '" + filepath.Join(dir, "known_hosts") + "'}"
	var j job
	report, lines, err := j.run(t, "ssh-scan", text)
	if err != nil || !report.Warning || len(lines) != 1 || !strings.Contains(lines[0]["problem"].(string), "not approved") {
		t.Errorf("%+v, %v, %v", report, lines, err)
	}
	write(t, dir, "known_hosts", []byte(knownhosts.Line([]string{at}, signer.PublicKey())+"\n"))
	report, lines, err = j.run(t, "ssh-scan", text)
	if err != nil || report.Warning || !strings.HasSuffix(report.Message, "; found 1 ssh") || len(lines) != 1 {
		t.Errorf("%+v, %v, %v", report, lines, err)
	}
	write(t, dir, "known_hosts", []byte("hello\n"))
	_, _, err = j.run(t, "ssh-scan", text)
	fails(t, err, "the search broke off")
}
