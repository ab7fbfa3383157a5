package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestHookPass changes entries with the real pass, whose store has the hook.
func TestHookPass(t *testing.T) {
	for _, tool := range []string{"pass", "gpg", "gpgconf", "git"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed")
		}
	}
	s := newSite(t, "git")
	gnupg := "GNUPGHOME=" + s.work
	t.Cleanup(func() {
		kill := exec.Command("gpgconf", "--kill", "gpg-agent")
		kill.Env = s.env(gnupg)
		s.must(kill)
	})
	s.put(".gitconfig", "[user]\nname = x\nemail = x\n", 0o600)
	s.must(s.shell("chmod 700 . && gpg --batch --passphrase '' --quick-gen-key x@example.org default default never && "+
		"pass init x@example.org && pass git init && cp "+quoted(s.file("post-commit"))+" .password-store/.git/hooks/", gnupg))
	for _, entry := range []string{"db/private", "db/orders"} {
		insert := s.shell("pass insert -m "+entry, gnupg)
		insert.Stdin = strings.NewReader(hostile["quotes"] + "\nuser: svc\n")
		s.must(insert)
	}
	s.must(s.shell("pass rm -f db/orders", gnupg))
	want := []sent{{"prod/db/orders", hostile["quotes"], true}}
	if got := s.server.arrived(); !slices.Equal(got, want) {
		t.Errorf("-want +got:\n%s", shortDiff(want, got))
	}
}
