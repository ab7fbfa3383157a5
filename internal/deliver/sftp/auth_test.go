//go:build unix

package sftp

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
)

func TestConfig(t *testing.T) {
	server := newServer(t, goServer)
	whole := server.config("/somewhere")
	without := func(setting string) string {
		var kept []string
		for line := range strings.Lines(whole) {
			if !strings.HasPrefix(line, setting+":") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	for _, test := range []struct{ name, config, want string }{
		{"whole", whole, ""},
		{"all", whole + "mode: '0640'\ndir_mode: '0750'\nowner: '0:0'\n", ""},
		{"no host", without("host"), "host is missing"},
		{"no user", without("user"), "user is missing"},
		{"no folder", without("dir"), "dir is missing"},
		{"no known hosts", without("known_hosts_file"), "known_hosts_file is missing"},
		{"no key", without("key_file"), "either key_file or ssh_agent"},
		{"key and agent", whole + "ssh_agent: true\n", "either key_file or ssh_agent"},
		{"passphrase of an agent", without("key_file") + "ssh_agent: true\npassphrase_file: x\n", "passphrase_file is that of key_file"},
		{"port", without("port") + "port: 70000\n", "port 70000 is none"},
		{"unknown key", whole + "modee: '0600'\n", "modee"},
		{"mode", whole + "mode: private\n", "is not permission bits"},
		{"folder mode", whole + "dir_mode: '0888'\n", "is not permission bits"},
		{"owner by name", whole + "owner: root\n", "numbers of a user and a group"},
		{"owner without group", whole + "owner: '0'\n", "numbers of a user and a group"},
		{"key that is none", strings.ReplaceAll(whole, "key_file: ", "key_file: "+writeFile(t, []byte("no key"))+" #"), "not a private key"},
		{"key that is not there", strings.ReplaceAll(whole, "key_file: ", "key_file: /not/there #"), "no such file"},
		{"known hosts that are none", server.configWith(server.knownAs("host no-key"), server.keyFile(""), "/x"), "known_hosts_file"},
		{"known hosts that are not there", server.configWith("/not/there", server.keyFile(""), "/x"), "no such file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := open(t, test.config)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

func TestPassphrase(t *testing.T) {
	server := newServer(t, goServer)
	known, key := server.knownAs(server.line()), server.keyFile("open sesame")
	with := func(passphrase string) (*Destination, error) {
		return open(t, server.configWith(known, key, t.TempDir(), "passphrase_file: "+writeFile(t, []byte(passphrase))))
	}
	d, err := with("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	mustDeliver(t, d, delivertest.Set(t, "a", 1, 10))
	if _, err := with("close sesame"); err == nil || !strings.Contains(err.Error(), "is not the key's passphrase") {
		t.Errorf("error is %v", err)
	}
	if _, err := open(t, server.configWith(known, key, "/x")); err == nil || !strings.Contains(err.Error(), "name its passphrase") {
		t.Errorf("error is %v", err)
	}
}

// A refused login is told apart from a lost connection, and tried again.
func TestRefusedLogin(t *testing.T) {
	server := newServer(t, goServer)
	d := mustOpen(t, server.config(t.TempDir()))
	right := server.userKey
	server.behave(func(b *behaviour) { b.userKey = newKey(t) })
	err := deliverTo(t.Context(), d, delivertest.Set(t, "a", 1, 10))
	if isFinal(err) || !errors.Is(err, ErrAuthentication) || errors.Is(err, errLost) {
		t.Errorf("error is %v", err)
	}
	server.behave(func(b *behaviour) { b.userKey = right })
	mustDeliver(t, d, delivertest.Set(t, "a", 1, 10))
}

func TestSSHAgent(t *testing.T) {
	server := newServer(t, goServer)
	config := strings.ReplaceAll(server.config(t.TempDir()), "key_file:", "ssh_agent: true #")
	socket := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	keyring := agent.NewKeyring()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = agent.ServeAgent(keyring, conn)
			conn.Close()
		}
	}()
	d := mustOpen(t, config)
	for _, test := range []struct {
		name, socket, want string
		add                any
	}{
		{"no agent", "", "no SSH_AUTH_SOCK", nil},
		{"agent that is not there", socket + "x", "no such file", nil},
		{"no key", socket, "it has no keys", nil},
		{"another key", socket, "refuses the login", newKey(t)},
		{"the key", socket, "", server.userKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SSH_AUTH_SOCK", test.socket)
			if test.add != nil {
				if err := keyring.Add(agent.AddedKey{PrivateKey: test.add}); err != nil {
					t.Fatal(err)
				}
			}
			err := deliverTo(t.Context(), d, delivertest.Set(t, "a", 1, 10))
			if test.want == "" && err != nil || test.want != "" && (err == nil || isFinal(err) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

// RSA keys sign with SHA-2 alone.
func TestModern(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := modern(newSigner(t, key), nil)
	if err != nil {
		t.Fatal(err)
	}
	multi, ok := signer.(ssh.MultiAlgorithmSigner)
	if !ok || strings.Join(multi.Algorithms(), " ") != "rsa-sha2-512 rsa-sha2-256" {
		t.Errorf("it signs with %v", multi.Algorithms())
	}
}
