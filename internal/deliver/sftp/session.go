package sftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/sealrelay/sealrelay/internal/deliver"
)

const (
	// connectFor bounds a connection until it is ready.
	connectFor = 15 * time.Second
	// keepAliveEvery is how often a server has to show that it is there, and
	// keepAliveFor how soon.
	keepAliveEvery = 15 * time.Second
	keepAliveFor   = 15 * time.Second
	// maxAnswers bounds what a server may answer during one delivery, in bytes: a
	// listing of a hundred thousand files is less than that.
	maxAnswers = 32 << 20
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
	conn    *ssh.Client
	answers *bounded
	fsync   bool
	// ended is closed when the connection has.
	ended chan struct{}
}

// connect makes a session. It returns soon after ctx ends.
func (d *Destination) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectFor, fmt.Errorf("no SSH connection to %s within %v", d.address, connectFor))
	defer cancel()
	conn, answers, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, answers: answers, ended: make(chan struct{})}
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
	go func() {
		ticker := time.NewTicker(keepAliveEvery)
		defer ticker.Stop()
		s.keepAlive(ticker.C, keepAliveFor)
	}()
	return s, nil
}

// dial makes the connection and logs in.
func (d *Destination) dial(ctx context.Context) (*ssh.Client, *bounded, error) {
	known, err := readKnown(d.knownHosts, d.address)
	if err != nil {
		return nil, nil, err
	}
	signers, done, err := d.login()
	if err != nil {
		return nil, nil, err
	}
	defer done()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, nil, or(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	answers := &bounded{Conn: conn}
	answers.refill()
	client, err := handshake(answers, known, d.user, signers)
	return client, answers, or(ctx, err)
}

// bounded is a connection that ends when more comes than was asked for.
type bounded struct {
	net.Conn
	left atomic.Int64
}

// refill begins another delivery.
func (b *bounded) refill() { b.left.Store(maxAnswers) }

// Read implements net.Conn.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if b.left.Add(int64(-n)) < 0 {
		return 0, errLost
	}
	return n, err
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
		if !s.alive() {
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

// alive says whether the server is there. Any answer will do: a refusal shows
// it as well.
func (s *session) alive() bool {
	_, _, err := s.conn.SendRequest("keepalive@openssh.com", true, nil)
	return err == nil
}

// keepAlive asks at each tick, closes a session that does not answer within the
// time, and ends with it.
func (s *session) keepAlive(ticks <-chan time.Time, within time.Duration) {
	for {
		select {
		case <-s.ended:
			return
		case <-ticks:
		}
		late := time.AfterFunc(within, s.close)
		s.alive()
		late.Stop()
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
