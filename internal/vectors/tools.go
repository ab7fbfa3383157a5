package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// certificates are the keys that have a certificate.
var certificates = []string{"rsa2048", "p256", "p384", "p521", "secp256k1"}

// makeCertificate makes the certificate of a key with openssl, if there is none.
func makeCertificate(name string) {
	path := keyPath(name + ".crt")
	if _, err := os.Stat(path); err == nil {
		return
	}
	run(nil, "openssl", "req", "-x509", "-new", "-key", keyPath(name+".pem"), "-sha256", "-days", "36500",
		"-subj", "/CN=test key of the sealrelay vectors", "-out", path)
}

func keyPath(name string) string { return filepath.Join(*folder, "keys", name) }

// run runs a program, which must not fail, and returns what it wrote.
func run(input []byte, program string, arguments ...string) []byte {
	cmd := exec.Command(program, arguments...)
	cmd.Stdin = bytes.NewReader(input)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		panic(fmt.Errorf("%s %s: %w: %s", program, strings.Join(arguments, " "), err, &complaint))
	}
	return out
}

// versionOf is the first line of what a program says of its version; empty, and
// told, if there is no such program.
func versionOf(program string, argument string) string {
	if _, err := exec.LookPath(program); err != nil {
		fmt.Fprintf(os.Stderr, "there is no %s: its envelopes are left out\n", program)
		return ""
	}
	line, _, _ := strings.Cut(string(run(nil, program, argument)), "\n")
	return strings.TrimSpace(line)
}

// spaced is a command line in a case's source.
func spaced(arguments []string) string { return strings.Join(arguments, " ") }
