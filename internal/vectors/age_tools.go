package main

import (
	"strings"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
)

// ageCommand makes files with the age command, if there is one.
func ageCommand(s *set) {
	version := versionOf("age", "--version")
	if version == "" {
		return
	}
	x25519 := must(age.ParseX25519Identity(privateKey("age-x25519").(*age.X25519Identity).String())).Recipient().String()
	for _, c := range []struct{ kind, to string }{
		{"age-x25519", x25519}, {"ssh-ed25519", sshLine("ssh-ed25519")}, {"ssh-rsa", sshLine("ssh-rsa")},
	} {
		for _, armor := range []bool{false, true} {
			id, arguments := c.kind+"-command", []string{"-r", c.to}
			if armor {
				id, arguments = id+"-armor", append(arguments, "-a")
			}
			s.source = "age " + version
			s.good(id, c.kind, run(fill(100), "age", arguments...), fill(100), "made by the age command")
		}
	}
	several := run(fill(100), "age", "-r", x25519, "-r", sshLine("ssh-rsa"))
	s.good("ssh-rsa-command-two", "ssh-rsa", several, fill(100), "made by the age command for two recipients")
}

// sshLine is a public key as in authorized_keys.
func sshLine(name string) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(must(ssh.NewPublicKey(publicKey(name))))))
}
