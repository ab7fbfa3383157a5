package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// isSSHLine says whether a line is of an authorized_keys file, with options in
// front too.
func isSSHLine(line string) bool {
	for field := range strings.FieldsSeq(line) {
		for _, prefix := range []string{"ssh-rsa", "ssh-ed25519", "ssh-dss", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
			if strings.HasPrefix(field, prefix) {
				return true
			}
		}
	}
	return false
}

// parseSSHLine reads a line with the key's type, its blob in base64 and perhaps
// a comment, as sshd(8) describes them.
func parseSSHLine(line string) (any, error) {
	fields := strings.Fields(line)
	name := fields[0]
	switch {
	case strings.HasPrefix(name, "sk-"):
		return nil, fmt.Errorf("%w: the SSH key is in a FIDO token, which signs but opens nothing; give an ssh-ed25519 key, or an age plugin's recipient", ErrUnsupported)
	case strings.Contains(name, "-cert-v0"):
		return nil, fmt.Errorf("%w: the file is an SSH certificate; give the plain public key", ErrUnsupported)
	case name == "ssh-dss":
		return nil, fmt.Errorf("%w: the SSH key is a DSA key; give an ssh-ed25519 key", ErrUnsupported)
	case !isSSHLine(name):
		return nil, fmt.Errorf("%w: there are options before the SSH key; give the key alone", ErrMalformed)
	case len(fields) < 2:
		return nil, fmt.Errorf("%w: SSH public key is cut off", ErrMalformed)
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil {
		return nil, fmt.Errorf("%w: SSH public key is cut off or damaged", ErrMalformed)
	}
	return parseSSHBlob(blob, name)
}

// parseSSHBlob reads a public key as RFC 4253, section 6.6, encodes it. An empty
// name stands for any.
func parseSSHBlob(blob []byte, name string) (any, error) {
	key, err := ssh.ParsePublicKey(blob)
	if err != nil || name != "" && key.Type() != name || !bytes.Equal(key.Marshal(), blob) {
		return nil, fmt.Errorf("%w: SSH public key is cut off or damaged", ErrMalformed)
	}
	public, ok := key.(ssh.CryptoPublicKey)
	if !ok || strings.HasPrefix(key.Type(), "sk-") {
		return nil, fmt.Errorf("%w: SSH key of type %s", ErrUnsupported, key.Type())
	}
	return supported(public.CryptoPublicKey())
}

const (
	rfc4716Begin = "---- BEGIN SSH2 PUBLIC KEY ----"
	rfc4716End   = "---- END SSH2 PUBLIC KEY ----"
)

func isRFC4716(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), rfc4716Begin) }

// parseRFC4716 reads the SSH public key file format of RFC 4716.
func parseRFC4716(text string) (any, error) {
	body, rest, found := strings.Cut(strings.TrimPrefix(strings.TrimSpace(text), rfc4716Begin), rfc4716End)
	if !found || rest != "" {
		return nil, fmt.Errorf("%w: SSH public key is cut off, or has something behind it", ErrMalformed)
	}
	var encoded strings.Builder
	continued := false // A header goes on after a line that ends with a backslash.
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		header := continued || strings.Contains(line, ":")
		continued = header && strings.HasSuffix(line, "\\")
		if !header {
			encoded.WriteString(line)
		}
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(encoded.String())
	if err != nil {
		return nil, fmt.Errorf("%w: SSH public key is damaged", ErrMalformed)
	}
	return parseSSHBlob(blob, "")
}

// openSSHFile is the outer layer of a private key, as OpenSSH's PROTOCOL.key
// describes it.
type openSSHFile struct {
	Cipher, KDF, Options string
	Keys                 uint32
	Public, Private      []byte
}

const openSSHMagic = "openssh-key-v1\x00"

// openSSHItem is an OpenSSH private key.
func openSSHItem(name string, block *pem.Block, with *unlocker) item {
	read := privateItem(name, SSH, func() (any, error) { return parseOpenSSH(block.Bytes, with) })
	var file openSSHFile
	read.encrypted = ssh.Unmarshal(bytes.TrimPrefix(block.Bytes, []byte(openSSHMagic)), &file) == nil && file.KDF != "none"
	return read
}

// parseOpenSSH reads a private key, and first bounds the work that it asks for.
func parseOpenSSH(data []byte, with *unlocker) (any, error) {
	var file openSSHFile
	if !bytes.HasPrefix(data, []byte(openSSHMagic)) || ssh.Unmarshal(data[len(openSSHMagic):], &file) != nil {
		return nil, fmt.Errorf("%w: OpenSSH private key is damaged", ErrMalformed)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: data})
	defer clear(text)
	var key any
	var err error
	if file.KDF == "none" {
		key, err = ssh.ParseRawPrivateKey(text)
	} else {
		var bcrypt struct {
			Salt   []byte
			Rounds uint32
		}
		if err := ssh.Unmarshal([]byte(file.Options), &bcrypt); err != nil {
			return nil, fmt.Errorf("%w: parameters of the encrypted OpenSSH key are damaged", ErrMalformed)
		}
		switch {
		case with.password == nil:
			return nil, errNoPassword
		case len(with.password) == 0: // which bcrypt does not take
			return nil, errWrongPassword
		}
		if err := with.work(int64(bcrypt.Rounds) * roundsPerBcrypt); err != nil {
			return nil, err
		}
		key, err = ssh.ParseRawPrivateKeyWithPassphrase(text, with.password)
	}
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, errWrongPassword
	}
	if err != nil {
		return nil, fmt.Errorf("%w: OpenSSH private key is damaged, or of a kind or cipher that is not read here", ErrMalformed)
	}
	return checkOpenSSH(key, file.Public)
}

// checkOpenSSH returns the key if it belongs to the public key beside it, which
// the library does not look at.
func checkOpenSSH(key any, public []byte) (any, error) {
	var half any
	switch private := key.(type) {
	case *ed25519.PrivateKey:
		if !bytes.Equal(*private, ed25519.NewKeyFromSeed(private.Seed())) {
			return nil, fmt.Errorf("%w: the halves of the OpenSSH private key do not belong together", ErrMalformed)
		}
		key, half = *private, private.Public()
	case *rsa.PrivateKey:
		half = private.Public()
	case *ecdsa.PrivateKey:
		half = private.Public()
	default:
		return nil, fmt.Errorf("%w: OpenSSH private key is a %T; RSA, EC and Ed25519 keys can be used", ErrUnsupported, key)
	}
	made, err := ssh.NewPublicKey(half)
	if err != nil || !bytes.Equal(made.Marshal(), public) {
		return nil, fmt.Errorf("%w: the halves of the OpenSSH private key do not belong together", ErrMalformed)
	}
	return key, nil
}
