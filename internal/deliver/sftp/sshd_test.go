//go:build unix

package sftp

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
)

// TestSSHD delivers through OpenSSH's own server, which starts no shell for the
// user, and whose keys are known as ssh-keyscan writes them, hashed.
func TestSSHD(t *testing.T) {
	port, key := startSSHD(t)
	known, err := exec.Command("ssh-keyscan", "-H", "-p", port, "127.0.0.1").Output()
	if err != nil || !bytes.Contains(known, []byte("|1|")) {
		t.Fatalf("ssh-keyscan: %v: %s", err, known)
	}
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	delivertest.Run(t, func(t *testing.T) delivertest.Target {
		dir := filepath.Join(t.TempDir(), "made")
		return target(mustOpen(t, fmt.Sprintf("{host: 127.0.0.1, port: %s, user: %s, dir: %q, known_hosts_file: %q, key_file: %q, passphrase_file: %q}",
			port, who.Username, dir, writeFile(t, known), key, writeFile(t, []byte("word")))), dir)
	})
}

// startSSHD returns its port and the file of the user's key, whose passphrase is
// word.
func startSSHD(t *testing.T) (port, key string) {
	t.Helper()
	program := "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		t.Skip("sshd is not installed")
	}
	if _, err := os.Stat("/run/sshd"); os.Getuid() == 0 && err != nil {
		t.Skip("sshd does not start as root without the folder /run/sshd")
	}
	dir := t.TempDir()
	hostKey, err := ssh.MarshalPrivateKey(newKey(t), "")
	if err != nil {
		t.Fatal(err)
	}
	userKey := newKey(t)
	encrypted, err := ssh.MarshalPrivateKeyWithPassphrase(userKey, "", []byte("word"))
	if err != nil {
		t.Fatal(err)
	}
	key = writeFile(t, pem.EncodeToMemory(encrypted))
	port = freePort(t)
	config := fmt.Sprintf(`ListenAddress 127.0.0.1:%s
HostKey %s
AuthorizedKeysFile %s
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 10
PidFile none
Subsystem sftp internal-sftp
ForceCommand internal-sftp
`, port, writeFile(t, pem.EncodeToMemory(hostKey)), writeFile(t, ssh.MarshalAuthorizedKey(newSigner(t, userKey).PublicKey())))
	name := filepath.Join(dir, "config")
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-D", "-e", "-f", name)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening, ended := make(chan bool), make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(log)
		said := ""
		for lines.Scan() {
			if strings.Contains(lines.Text(), "Server listening") {
				listening <- true
			}
			said += lines.Text() + "\n"
		}
		select {
		case listening <- false:
			t.Log(said)
		default:
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		_ = cmd.Wait()
	})
	select {
	case ok := <-listening:
		if !ok {
			t.Skip("sshd does not start here")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("sshd does not say that it listens")
	}
	return port, key
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
