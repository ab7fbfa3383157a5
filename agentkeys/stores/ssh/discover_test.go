package ssh_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	gossh "golang.org/x/crypto/ssh"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/ssh"
	"github.com/sealrelay/sealrelay/agentkeys/stores/sweep"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve does something with each connection until the test ends.
func serve(t *testing.T, each func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			each(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String()
}

// server has a host key of three types, and fails the test if a login is tried.
func server(t *testing.T) string {
	t.Helper()
	config := &gossh.ServerConfig{NoClientAuth: true, NoClientAuthCallback: func(gossh.ConnMetadata) (*gossh.Permissions, error) {
		t.Error("a login was tried")
		return nil, nil
	}}
	_, ed, err1 := ed25519.GenerateKey(rand.Reader)
	ec, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rs, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, k := range []any{ed, ec, rs} {
		signer, err := gossh.NewSignerFromKey(k)
		if err != nil {
			t.Fatal(err)
		}
		config.AddHostKey(signer)
	}
	return serve(t, func(c net.Conn) {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _, _, _ = gossh.NewServerConn(c, config)
	})
}

func scan(t *testing.T, file string, timeout time.Duration, targets ...string) (*ssh.Discoverer, []stores.Found) {
	t.Helper()
	s, err := sweep.New(sweep.Config{Targets: targets, Timeout: timeout, Together: 4, Rate: 1000})
	if err != nil {
		t.Fatal(err)
	}
	d := ssh.NewDiscoverer(s, file)
	var all []stores.Found
	for f, err := range d.Discover(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return d, all
}

// TestApprove: nothing is approved but what is named; what changed never is.
func TestApprove(t *testing.T) {
	address, file := server(t), filepath.Join(t.TempDir(), "known_hosts")
	d, found := scan(t, file, 10*time.Second, address)
	if len(found) != 3 {
		t.Fatalf("there are %v", found)
	}
	for _, f := range found {
		if !errors.Is(f.Problem, ssh.ErrNotApproved) || !strings.Contains(f.Problem.Error(), "--approve "+f.About["fingerprint"]) {
			t.Errorf("it is %+v", f)
		}
	}
	if _, err := ssh.Approve(t.Context(), file, d.Seen(), []string{"SHA256:other"}); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("another fingerprint: %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("something was written")
	}
	// A file without a last line end, and of a mode of its own.
	if err := os.WriteFile(file, []byte("# mine\nother.example "+key), 0o600); err != nil {
		t.Fatal(err)
	}
	one := d.Seen()[0].Fingerprint()
	if added, err := ssh.Approve(t.Context(), file, d.Seen(), []string{one, one}); err != nil || len(added) != 1 {
		t.Fatalf("%v, %v", added, err)
	}
	if added, err := ssh.Approve(t.Context(), file, d.Seen(), []string{one}); err != nil || len(added) != 0 {
		t.Errorf("again: %v, %v", added, err)
	}
	data, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(data), "# mine\nother.example "+key+"\n[127.0.0.1]:") || strings.Count(string(data), "\n") != 3 {
		t.Errorf("it is %q, %v", data, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	_, found = scan(t, file, 10*time.Second, address)
	approved := 0
	for _, f := range found {
		if f.Problem == nil {
			approved++
			if f.About["fingerprint"] != one {
				t.Errorf("approved is %+v", f)
			}
		}
	}
	if approved != 1 {
		t.Errorf("%d are approved", approved)
	}
	t.Run("changed", func(t *testing.T) {
		host, port, _ := net.SplitHostPort(address)
		refused(t, "["+host+"]:"+port+" "+key+"\n", address)
	})
	t.Run("revoked", func(t *testing.T) {
		refused(t, "@revoked * "+strings.TrimSpace(string(gossh.MarshalAuthorizedKey(d.Seen()[0].Key)))+"\n", address)
	})
	t.Run("unreadable", func(t *testing.T) {
		bad := filepath.Join(t.TempDir(), "known_hosts")
		if err := os.WriteFile(bad, []byte("nonsense\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ssh.Approve(t.Context(), bad, d.Seen(), []string{one}); !errors.Is(err, stores.ErrUnreadable) {
			t.Errorf("the error is %v", err)
		}
	})
}

// refused: the Ed25519 key of the address cannot be approved over the file.
func refused(t *testing.T, text, address string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, _ := scan(t, file, 10*time.Second, address)
	if _, err := ssh.Approve(t.Context(), file, d.Seen(), []string{d.Seen()[0].Fingerprint()}); !errors.Is(err, stores.ErrInvalid) {
		t.Errorf("the error is %v", err)
	}
	if data, _ := os.ReadFile(file); string(data) != text {
		t.Errorf("it became %q", data)
	}
}

// TestHostile: servers that are silent, talk without end or talk garbage.
func TestHostile(t *testing.T) {
	good := server(t)
	bad := []string{
		serve(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 256)); _, _ = c.Read(make([]byte, 1)) }),
		serve(t, func(c net.Conn) {
			for {
				if _, err := c.Write([]byte("no banner yet\r\n")); err != nil {
					return
				}
			}
		}),
		serve(t, func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-x\r\n\xff\xff\xff\xff garbage")) }),
	}
	_, found := scan(t, filepath.Join(t.TempDir(), "none"), 2*time.Second, append(bad, good)...)
	for _, address := range bad {
		if !slices.ContainsFunc(found, func(f stores.Found) bool { return f.Path == address && errors.Is(f.Problem, stores.ErrUnreadable) }) {
			t.Errorf("%s is not told", address)
		}
	}
	if len(found) != len(bad)+3 {
		t.Errorf("there are %d", len(found))
	}
}

// TestSSHKeyscan: an sshd has the keys that ssh-keyscan sees.
func TestSSHKeyscan(t *testing.T) {
	keyscan, err := exec.LookPath("ssh-keyscan")
	if err != nil {
		t.Skip("there is no ssh-keyscan")
	}
	address := server(t)
	host, port, _ := net.SplitHostPort(address)
	out, err := exec.Command(keyscan, "-p", port, "-t", "ed25519,ecdsa,rsa", host).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			want = append(want, strings.TrimSpace(line))
		}
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	d, _ := scan(t, file, 10*time.Second, address)
	var all []string
	for _, k := range d.Seen() {
		all = append(all, k.Fingerprint())
	}
	if _, err := ssh.Approve(t.Context(), file, d.Seen(), all); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		got = append(got, strings.TrimSpace(line))
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) != 3 || !slices.Equal(got, want) {
		t.Errorf("ours\n%s\nssh-keyscan's\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
