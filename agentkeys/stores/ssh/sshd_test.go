package ssh_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSSHD has the keys of an OpenSSH server seen, each connection by a process that
// talks over its standard input and output, as under inetd.
func TestSSHD(t *testing.T) {
	const sshd = "/usr/sbin/sshd"
	keygen, err := exec.LookPath("ssh-keygen")
	if _, missing := os.Stat(sshd); err != nil || missing != nil {
		t.Skip("there is no sshd or no ssh-keygen")
	}
	arguments := []string{"-i", "-f", "/dev/null"}
	want := map[string]bool{}
	for _, kind := range []string{"ed25519", "rsa", "ecdsa"} {
		name := filepath.Join(t.TempDir(), kind)
		if out, err := exec.Command(keygen, "-q", "-t", kind, "-N", "", "-f", name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		out, err := exec.Command(keygen, "-lf", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		want[strings.Fields(string(out))[1]] = true
		arguments = append(arguments, "-h", name)
	}
	address := serve(t, func(c net.Conn) {
		file, err := c.(*net.TCPConn).File()
		if err != nil {
			return
		}
		defer file.Close()
		command := exec.Command(sshd, arguments...)
		command.Stdin, command.Stdout = file, file
		_ = command.Run() // It fails, as nobody logs in.
	})
	_, found := scan(t, filepath.Join(t.TempDir(), "none"), 30*time.Second, address)
	if len(found) != len(want) {
		t.Errorf("there are %v", found)
	}
	for _, f := range found {
		if !want[f.About["fingerprint"]] {
			t.Errorf("sshd has no %+v", f)
		}
	}
}
