package sftp

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/sealrelay/sealrelay/internal/deliver"
)

// ErrAuthentication says that the server let none of the keys in. It is no
// final error: a key that is put on the host later, or a folder of homes that is
// mounted again, mends it.
var ErrAuthentication = errors.New("server refuses the login")

const publicKey = "publickey" // RFC 4252, section 7

// login gives the keys to log in with; done is called after the login.
type login func() (signers []ssh.Signer, done func(), err error)

// newLogin reads the key file, if it is by one.
func (c *Config) newLogin(settings deliver.Settings) (login, error) {
	if c.SSHAgent {
		return agentLogin, nil
	}
	signer, err := c.readKey(settings)
	if err != nil {
		return nil, fmt.Errorf("key_file: %w", err)
	}
	return func() ([]ssh.Signer, func(), error) { return []ssh.Signer{signer}, func() {}, nil }, nil
}

func (c *Config) readKey(settings deliver.Settings) (signer ssh.Signer, err error) {
	key, err := settings.ReadSecret(c.KeyFile)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	if c.PassphraseFile == "" {
		err = key.Expose(func(pem []byte) error {
			signer, err = ssh.ParsePrivateKey(pem)
			return err
		})
		return modern(signer, keyError(err))
	}
	passphrase, err := settings.ReadSecret(c.PassphraseFile)
	if err != nil {
		return nil, fmt.Errorf("passphrase_file: %w", err)
	}
	defer passphrase.Wipe()
	err = key.Expose(func(pem []byte) error {
		return passphrase.Expose(func(text []byte) error {
			signer, err = ssh.ParsePrivateKeyWithPassphrase(pem, text)
			return err
		})
	})
	return modern(signer, keyError(err))
}

// keyError says what is wrong with a key file in words that hold nothing of it.
func keyError(err error) error {
	if err == nil {
		return nil
	}
	if _, missing := errors.AsType[*ssh.PassphraseMissingError](err); missing {
		return errors.New("the key is encrypted; name its passphrase with passphrase_file")
	}
	if errors.Is(err, x509.IncorrectPasswordError) {
		return errors.New("passphrase_file is not the key's passphrase")
	}
	return errors.New("it is not a private key that OpenSSH reads, or it is not encrypted and has a passphrase_file")
}

// modern is the signer without the signatures over SHA-1 that RSA keys began
// with (RFC 8332).
func modern(signer ssh.Signer, err error) (ssh.Signer, error) {
	if err != nil || signer.PublicKey().Type() != ssh.KeyAlgoRSA {
		return signer, err
	}
	able, ok := signer.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("the RSA key cannot sign with SHA-2")
	}
	return ssh.NewSignerWithAlgorithms(able, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256})
}

// agentLogin asks the SSH agent for its keys.
func agentLogin() ([]ssh.Signer, func(), error) {
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, nil, errors.New("ssh_agent: the environment has no SSH_AUTH_SOCK; set it for the service, or use key_file")
	}
	conn, err := net.DialTimeout("unix", socket, connectFor) //nolint:gosec // The service's own environment names its agent.
	if err != nil {
		return nil, nil, fmt.Errorf("ssh_agent: %w", err)
	}
	done := func() { _ = conn.Close() }
	_ = conn.SetDeadline(time.Now().Add(connectFor))
	signers, err := agent.NewClient(conn).Signers()
	if err == nil && len(signers) == 0 {
		err = errors.New("it has no keys; add one with ssh-add")
	}
	for i := 0; err == nil && i < len(signers); i++ {
		signers[i], err = modern(signers[i], nil)
	}
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("ssh_agent: %w", err)
	}
	return signers, done, nil
}

// refused tells a refused login from other ends of a handshake: it is asked for
// the next method once the server has refused the one before.
func refused(at *ssh.ClientAuthContext) error {
	if slices.Contains(at.TriedMethods, publicKey) || !slices.Contains(at.AllowedMethods, publicKey) {
		return fmt.Errorf("%w: put the public key into the user's authorized_keys on the host, and permit the method %s there", ErrAuthentication, publicKey)
	}
	return nil
}
