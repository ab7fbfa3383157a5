//go:build unix

package sftp

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v4"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is an SSH server on loopback that knows one user's key.
type server struct {
	t        *testing.T
	listener net.Listener
	hostKey  ssh.Signer
	// serve does the SFTP of a session.
	serve func(io.ReadWriteCloser) error

	mu sync.Mutex
	behaviour
	connections []net.Conn
	accepted    int
	// requests are the numbers of bytes after which a request was whole.
	requests []int
	group    sync.WaitGroup
}

// behaviour is how a server treats the connections that come from then on.
type behaviour struct {
	userKey ed25519.PrivateKey
	// otherKeys are further keys of the host.
	otherKeys []ssh.Signer
	// limit is after how many bytes of a session's requests it is cut; 0: never.
	limit int
	// deaf: keep-alives are not answered.
	deaf bool
}

func (s *server) behave(change func(*behaviour)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.behaviour)
}

func (s *server) acceptedSoFar() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// goServer serves with the server of the library.
func goServer(channel io.ReadWriteCloser) error {
	server, err := sftp.NewServer(channel)
	if err != nil {
		return err
	}
	defer server.Close()
	return server.Serve()
}

// opensshServer serves with OpenSSH's program, as sshd would.
func opensshServer(t *testing.T) func(io.ReadWriteCloser) error {
	t.Helper()
	for _, name := range []string{"/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server"} {
		if _, err := os.Stat(name); err == nil {
			return func(channel io.ReadWriteCloser) error {
				cmd := exec.Command(name)
				cmd.Stdin, cmd.Stdout = channel, channel
				return cmd.Run()
			}
		}
	}
	t.Skip("OpenSSH's sftp-server is not installed")
	return nil
}

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newSigner(t testing.TB, key any) ssh.Signer {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func newServer(t *testing.T, serve func(io.ReadWriteCloser) error) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, listener: listener, hostKey: newSigner(t, newKey(t)), behaviour: behaviour{userKey: newKey(t)}, serve: serve}
	s.group.Go(s.accept)
	t.Cleanup(func() {
		listener.Close()
		s.cut()
		s.group.Wait()
	})
	return s
}

// cut ends the connections that there are.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.connections {
		conn.Close()
	}
	s.connections = nil
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.connections = append(s.connections, conn)
		s.accepted++
		now := s.behaviour
		s.mu.Unlock()
		s.group.Go(func() { s.secure(conn, now) })
	}
}

func (s *server) secure(conn net.Conn, now behaviour) {
	defer conn.Close()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if bytes.Equal(key.Marshal(), newSigner(s.t, now.userKey).PublicKey().Marshal()) {
			return nil, nil
		}
		return nil, errors.New("unknown key")
	}}
	for _, key := range append(slices.Clone(now.otherKeys), s.hostKey) {
		config.AddHostKey(key)
	}
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	s.group.Go(func() {
		for request := range requests {
			if !now.deaf {
				_ = request.Reply(false, nil)
			}
		}
	})
	for request := range channels {
		channel, requests, err := request.Accept()
		if err != nil {
			return
		}
		s.group.Go(func() { s.session(&cutter{Channel: channel, conn: conn, server: s, limit: now.limit}, requests) })
	}
}

// session serves the subsystem, and nothing that needs a shell.
func (s *server) session(channel *cutter, requests <-chan *ssh.Request) {
	for request := range requests {
		wanted := request.Type == "subsystem" && bytes.HasSuffix(request.Payload, []byte("sftp")) && s.serve != nil
		_ = request.Reply(wanted, nil)
		if wanted {
			s.group.Go(func() {
				_ = s.serve(channel)
				channel.Close()
			})
		}
	}
}

// cutter counts what comes from the client, and cuts the connection at the
// server's limit.
type cutter struct {
	ssh.Channel
	conn   net.Conn
	server *server
	limit  int
	read   int
	// header is what came of the next request's length, left what is missing of
	// the request.
	header []byte
	left   int
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.limit > 0 {
		if c.read >= c.limit {
			c.conn.Close()
			return 0, io.EOF
		}
		p = p[:min(len(p), c.limit-c.read)]
	}
	n, err := c.Channel.Read(p)
	c.note(p[:n])
	return n, err
}

func (c *cutter) note(p []byte) {
	for _, b := range p {
		c.read++
		if c.left > 0 {
			c.left--
		} else if c.header = append(c.header, b); len(c.header) == 4 {
			c.left = int(c.header[0])<<24 | int(c.header[1])<<16 | int(c.header[2])<<8 | int(c.header[3])
			c.header = nil
		}
		if c.left == 0 && c.header == nil {
			c.server.mu.Lock()
			c.server.requests = append(c.server.requests, c.read)
			c.server.mu.Unlock()
		}
	}
}

// knownAs writes a file of known hosts with lines in which ADDRESS stands for the
// server's name there.
func (s *server) knownAs(lines ...string) string {
	s.t.Helper()
	name := filepath.Join(s.t.TempDir(), "known_hosts")
	var text []byte
	for _, line := range lines {
		text = append(text, line+"\n"...)
	}
	text = bytes.ReplaceAll(text, []byte("ADDRESS"), []byte(knownhosts.Normalize(s.listener.Addr().String())))
	if err := os.WriteFile(name, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}

func keyText(key ssh.PublicKey) string {
	return string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(key)))
}

func (s *server) line() string { return "ADDRESS " + keyText(s.hostKey.PublicKey()) }

// config is the settings that fit the server; extra ones follow.
func (s *server) config(dir string, extra ...string) string {
	s.t.Helper()
	return s.configWith(s.knownAs(s.line()), s.keyFile(""), dir, extra...)
}

func (s *server) configWith(known, key, dir string, extra ...string) string {
	_, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	text := "host: 127.0.0.1\nport: " + port + "\nuser: someone\nknown_hosts_file: " + strconv.Quote(known) +
		"\nkey_file: " + strconv.Quote(key) + "\ndir: " + strconv.Quote(dir) + "\n"
	for _, line := range extra {
		text += line + "\n"
	}
	return text
}

func (s *server) keyFile(passphrase string) string {
	s.t.Helper()
	block, err := ssh.MarshalPrivateKey(s.userKey, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(s.userKey, "", []byte(passphrase))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return writeFile(s.t, pem.EncodeToMemory(block))
}

func writeFile(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func open(t *testing.T, config string) (*Destination, error) {
	t.Helper()
	made, err := New(deliver.Settings{
		Decode: func(into any) error { return yaml.Load([]byte(config), into, yaml.WithKnownFields()) },
		Path:   func(name string) string { return name },
		ReadSecret: func(name string) (*secretbytes.Value, error) {
			data, err := os.ReadFile(name)
			return secretbytes.New(data), err
		},
	})
	if err != nil {
		return nil, err
	}
	d := made.(*Destination)
	t.Cleanup(d.pool.closeIdle)
	return d, nil
}

func mustOpen(t *testing.T, config string) *Destination {
	t.Helper()
	d, err := open(t, config)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// closeIdle does what time does.
func (p *pool) closeIdle() {
	for s := p.pop(); s != nil; s = p.pop() {
		s.close()
		<-s.ended
	}
}
