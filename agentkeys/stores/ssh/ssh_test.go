package ssh_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/ssh"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
)

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH03lTiNRgWeNUx5yI2TTcyYNl3uzFvNGj5ptSfGAS5G"

const knownHosts = "# comment\n\nweb.example,192.0.2.1 " + key + " who\n" +
	"[web.example]:2222 " + key + "\n" +
	"|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= " + key + "\n" +
	"gone.example " + key + "\n@revoked gone.example " + key + "\n" +
	"@cert-authority *.example " + key + "\nnonsense\nshort.example ssh-ed25519 AAAA\n"

func open(t *testing.T, text string) *ssh.Store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ssh.New(ssh.Config{KnownHosts: file})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestInventory(t *testing.T) {
	s := open(t, knownHosts)
	got := storetest.All(t, s)
	for _, host := range []string{"web.example", "192.0.2.1", "[web.example]:2222", "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg=", "gone.example"} {
		e, ok := got[host+" ssh-ed25519"]
		if !ok || e.Problem != nil || e.Key.Kind() != "Ed25519" || e.Disabled != (host == "gone.example") {
			t.Errorf("%s is %+v", host, e)
		}
	}
	for _, line := range []string{"line 8", "line 9", "line 10"} {
		if e, ok := got[line]; !ok || !errors.Is(e.Problem, stores.ErrUnreadable) {
			t.Errorf("%s is %+v", line, e)
		}
	}
	if len(got) != 8 {
		t.Errorf("there are %d", len(got))
	}
	if e, err := s.Lookup(t.Context(), "web.example ssh-ed25519"); err != nil || e.Key == nil {
		t.Errorf("it is %+v, %v", e, err)
	}
	if _, err := s.Lookup(t.Context(), "web.example ssh-rsa"); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("another type of key: %v", err)
	}
}

func TestUnreadable(t *testing.T) {
	s, err := ssh.New(ssh.Config{KnownHosts: filepath.Join(t.TempDir(), "none")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(t.Context(), "web.example ssh-ed25519"); !errors.Is(err, stores.ErrUnreadable) || errors.Is(err, stores.ErrNotFound) {
		t.Errorf("of a file that is not there: %v", err)
	}
	if _, err := ssh.New(ssh.Config{}); err == nil {
		t.Error("no file is no error")
	}
}

// TestSSHKeygen has ssh-keygen name the same keys.
func TestSSHKeygen(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("there is no ssh-keygen")
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	var lines []string
	for _, kind := range []string{"ed25519", "rsa", "ecdsa"} {
		name := filepath.Join(t.TempDir(), kind)
		if out, err := exec.Command(keygen, "-q", "-t", kind, "-N", "", "-f", name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		public, err := os.ReadFile(name + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, "web.example "+string(public))
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ssh.New(ssh.Config{KnownHosts: file})
	if err != nil {
		t.Fatal(err)
	}
	got := storetest.All(t, s)
	for _, alias := range []string{"web.example ssh-ed25519", "web.example ssh-rsa", "web.example ecdsa-sha2-nistp256"} {
		if e, ok := got[alias]; !ok || e.Problem != nil {
			t.Errorf("%s is %+v", alias, e)
		}
	}
}

// FuzzParse: whatever a file has, each alias is there once, with a key or a problem.
func FuzzParse(f *testing.F) {
	f.Add([]byte(knownHosts))
	f.Add([]byte("@revoked\n@cert-authority\n,, ssh-ed25519 AAAA\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		seen := map[string]bool{}
		for _, e := range ssh.Parse(data) {
			if seen[e.Alias] || (e.Key == nil) != (e.Problem != nil) {
				t.Errorf("%+v", e)
			}
			seen[e.Alias] = true
		}
	})
}
