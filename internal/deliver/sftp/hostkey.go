package sftp

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// ErrHostKey says that the host did not show the key that it is known by.
// Nothing was sent to it, no authentication either. It is no final error: who
// stands between for an hour must not stop what comes after, and a new key in
// the file of known hosts mends it.
var ErrHostKey = errors.New("host key is not trusted")

// known is the host's entries in a file of known hosts, in the form of sshd(8).
type known struct {
	file, address string
	check         ssh.HostKeyCallback
	// algorithms are those of the keys that are known: a host with several keys
	// is asked for one of them.
	algorithms []string
}

// readKnown reads the entries of the address, host:port; ErrHostKey if there is
// none.
func readKnown(file, address string) (*known, error) {
	check, err := knownhosts.New(file)
	if err != nil {
		return nil, fmt.Errorf("known_hosts_file: %w", err)
	}
	k := &known{file: file, address: address, check: check}
	entries, err := k.entries()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("known_hosts_file: %w", err)
	}
	lines := bytes.Split(text, []byte("\n"))
	for _, entry := range entries {
		k.algorithms = append(k.algorithms, algorithms(entry, lines)...)
	}
	slices.SortStableFunc(k.algorithms, certificatesFirst)
	k.algorithms = slices.Compact(k.algorithms)
	if len(k.algorithms) == 0 {
		return nil, fmt.Errorf("%w: %s has no usable key of %s; get it with `ssh-keyscan`, compare its fingerprint on the host, and add it", ErrHostKey, file, address)
	}
	return k, nil
}

// entries asks for a key that no host has, whose refusal names those wanted.
func (k *known) entries() ([]knownhosts.KnownKey, error) {
	nobodys, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	if err != nil {
		return nil, err
	}
	refusal, ok := errors.AsType[*knownhosts.KeyError](k.check(k.address, &net.TCPAddr{}, nobodys))
	if !ok {
		return nil, fmt.Errorf("%w: %s cannot be asked for the keys of %s; mend its entry", ErrHostKey, k.file, k.address)
	}
	return refusal.Want, nil
}

var certificates = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
}

// algorithms are those by which a host can show that the entry is of it. None
// of them hashes with SHA-1 (RFC 8332) and none is DSA.
func algorithms(entry knownhosts.KnownKey, lines [][]byte) []string {
	line := bytes.TrimLeft(lines[min(entry.Line, len(lines))-1], " \t")
	if bytes.HasPrefix(line, []byte("@cert-authority")) {
		return certificates
	}
	switch kind := entry.Key.Type(); kind {
	case ssh.KeyAlgoRSA:
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	case ssh.InsecureKeyAlgoDSA: //nolint:staticcheck // It is named to be left out.
		return nil
	default:
		return []string{kind}
	}
}

func certificatesFirst(a, b string) int {
	return rank(a) - rank(b)
}

func rank(algorithm string) int {
	if i := slices.Index(certificates, algorithm); i >= 0 {
		return i
	}
	return len(certificates)
}

// verify is check with an error that says what to do.
func (k *known) verify(address string, remote net.Addr, key ssh.PublicKey) error {
	err := k.check(address, remote, key)
	if err == nil {
		return nil
	}
	offered := ssh.FingerprintSHA256(key)
	if _, revoked := errors.AsType[*knownhosts.RevokedError](err); revoked {
		return fmt.Errorf("%w: %s has revoked the key %s that %s shows; give the host a new one", ErrHostKey, k.file, offered, k.address)
	}
	if _, other := errors.AsType[*knownhosts.KeyError](err); other {
		return fmt.Errorf("%w: %s shows %s, which %s does not have: somebody may stand between; compare it on the host before you add it", ErrHostKey, k.address, offered, k.file)
	}
	return fmt.Errorf("%w: the certificate that %s shows is not one of an authority in %s that is valid now and for this name", ErrHostKey, k.address, k.file)
}
