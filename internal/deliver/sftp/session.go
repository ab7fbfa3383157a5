package sftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/sealrelay/sealrelay/internal/deliver"
)

const (
	// connectFor bounds a connection until it is ready.
	connectFor = 15 * time.Second
	// keepAliveEvery is how often a server has to show that it is there; one
	// that does not answer until the next time is not.
	keepAliveEvery = 15 * time.Second
	// posixRename replaces a file in one step, fsync writes one to the disk:
	// OpenSSH's PROTOCOL, sections 4.3 and 4.6.
	posixRename = "posix-rename@openssh.com"
	fsync       = "fsync@openssh.com"
)

// errLost says that a connection ended before an answer came.
var errLost = errors.New("connection to the SSH server was lost")

// session is a connection to the server, used by one delivery at a time.
type session struct {
	*sftp.Client
	conn  *ssh.Client
	fsync bool
	// ended is closed when the connection has.
	ended chan struct{}
}

// connect makes a session. It returns soon after ctx ends.
func (d *Destination) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectFor, fmt.Errorf("no SSH connection to %s within %v", d.address, connectFor))
	defer cancel()
	conn, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, ended: make(chan struct{})}
	go func() {
		_ = conn.Wait()
		close(s.ended)
	}()
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	if err := s.begin(); err != nil {
		s.close()
		return nil, or(ctx, err)
	}
	go s.keepAlive(keepAliveEvery)
	return s, nil
}

// dial makes the connection and logs in.
func (d *Destination) dial(ctx context.Context) (*ssh.Client, error) {
	known, err := readKnown(d.knownHosts, d.address)
	if err != nil {
		return nil, err
	}
	signers, done, err := d.login()
	if err != nil {
		return nil, err
	}
	defer done()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, or(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	client, err := handshake(conn, known, d.user, signers)
	return client, or(ctx, err)
}

// handshake makes a connection a secure one that is logged in, or closes it. Its
// error has none of the server's own words, which are not to be trusted.
func handshake(conn net.Conn, known *known, user string, signers []ssh.Signer) (*ssh.Client, error) {
	var refusal error
	secure, channels, requests, err := ssh.NewClientConn(conn, known.address, &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signers...)},
		HostKeyAlgorithms: known.algorithms,
		HostKeyCallback: func(address string, remote net.Addr, key ssh.PublicKey) error {
			refusal = known.verify(address, remote, key)
			return refusal
		},
		AuthCallback: func(at *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
			refusal = refused(at)
			return nil, refusal
		},
	})
	if err == nil {
		return ssh.NewClient(secure, channels, requests), nil
	}
	if refusal != nil {
		return nil, refusal
	}
	if negotiation, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); ok {
		return nil, fmt.Errorf("server at %s has no %s in common with this service; if it is the host key, known_hosts has one of another type than the server", known.address, negotiation.What)
	}
	return nil, fmt.Errorf("%w in the handshake with %s", errLost, known.address)
}

// begin starts the SFTP subsystem and looks at what it can.
func (s *session) begin() (err error) {
	if s.Client, err = sftp.NewClient(s.conn, sftp.UseConcurrentWrites(true)); err != nil {
		if !s.answers() {
			return fmt.Errorf("%w before its sftp subsystem began", errLost)
		}
		return errors.New("server does not start its sftp subsystem; permit it to the user")
	}
	if !s.offers(posixRename) {
		return deliver.Final(fmt.Errorf("server does not offer %s, without which a file cannot be replaced in one step; use OpenSSH's SFTP server, or another that has it", posixRename))
	}
	s.fsync = s.offers(fsync)
	return nil
}

func (s *session) offers(extension string) bool {
	version, ok := s.HasExtension(extension)
	return ok && version == "1"
}

// answers says whether the server is there. Any answer will do: a refusal shows
// it as well.
func (s *session) answers() bool {
	_, _, err := s.conn.SendRequest("keepalive@openssh.com", true, nil)
	return err == nil
}

// keepAlive closes a session whose server answers no more, and ends with it.
func (s *session) keepAlive(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var answered chan struct{}
	for {
		select {
		case <-s.ended:
			return
		case <-ticker.C:
		}
		select {
		case <-answered:
			answered = nil
		default:
		}
		if answered != nil {
			s.close()
			return
		}
		answered = make(chan struct{})
		go func(answered chan struct{}) {
			if s.answers() {
				close(answered)
			}
		}(answered)
	}
}

// close ends the session and what waits for it.
func (s *session) close() { _ = s.conn.Close() }

// or is err, or why ctx ended if it did, which is why there is an err.
func or(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
