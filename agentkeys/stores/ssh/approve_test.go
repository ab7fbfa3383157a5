package ssh_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"github.com/sealrelay/sealrelay/agentkeys/stores/ssh"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/internal/filelock"
)

// hostKey is a key that the host of that number has proved to have.
func hostKey(t *testing.T, number int) ssh.HostKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := gossh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return ssh.HostKey{Address: fmt.Sprintf("host%d.example:22", number), Key: k}
}

// TestApproveTogether: of many that approve at once, each is in the file, once, and so
// is what was there before.
func TestApproveTogether(t *testing.T) {
	const many = 24
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte("before.example "+key), 0o600); err != nil {
		t.Fatal(err)
	}
	begin := make(chan struct{})
	var group sync.WaitGroup
	for i := range many {
		k := hostKey(t, i)
		// Each is approved twice: the one adds it, the other sees that it is there.
		added := make(chan int, 2)
		for range 2 {
			group.Go(func() {
				<-begin
				got, err := ssh.Approve(t.Context(), file, []ssh.HostKey{k}, []string{k.Fingerprint()})
				if err != nil {
					t.Errorf("%s: %v", k.Address, err)
				}
				added <- len(got)
			})
		}
		group.Go(func() {
			if total := <-added + <-added; total != 1 {
				t.Errorf("%s was added %d times", k.Address, total)
			}
		})
	}
	close(begin)
	group.Wait()
	s, err := ssh.New(ssh.Config{KnownHosts: file})
	if err != nil {
		t.Fatal(err)
	}
	all := storetest.All(t, s)
	for i := range many {
		if e, ok := all[fmt.Sprintf("host%d.example ssh-ed25519", i)]; !ok || e.Problem != nil {
			t.Errorf("host %d is %+v", i, e)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil || len(all) != many+1 || strings.Count(string(data), "\n") != many+1 {
		t.Errorf("there are %d, %v:\n%s", len(all), err, data)
	}
}

// TestApproveWaits: whoever has the lock is waited for, until the context ends.
func TestApproveWaits(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known_hosts")
	lock, err := filelock.Try(file + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	k := hostKey(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := ssh.Approve(ctx, file, []ssh.HostKey{k}, []string{k.Fingerprint()})
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("something was written")
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if added, err := ssh.Approve(t.Context(), file, []ssh.HostKey{k}, []string{k.Fingerprint()}); err != nil || len(added) != 1 {
		t.Errorf("%v, %v", added, err)
	}
}
