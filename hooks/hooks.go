// Package hooks turns what a password manager sends into Events. A Verifier
// checks the raw request, an Adapter reads the Event out of it. Subpackage
// verify has the schemes, subpackage adapters the products; each has a table
// that the next one joins.
package hooks

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// The classes in which reading a request fails. Verifiers and adapters wrap
// one of them with words that are safe to send back: they name what to do and
// never a value.
var (
	// ErrUnauthenticated: signature, credential or timestamp is not accepted.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrUnavailable: whether the request is the sender's cannot be told now,
	// because something that the verifier needs is away. The sender tries again.
	ErrUnavailable = errors.New("cannot be verified now")
	// ErrMalformed: the body is not what the source's adapter reads.
	ErrMalformed = errors.New("malformed request")
	// ErrMediaType: the body's content type is not one the adapter reads.
	ErrMediaType = errors.New("unsupported media type")
	// ErrNoValue: the event is understood but carries no value to seal.
	ErrNoValue = errors.New("no value in the event")
)

// Value is a secret's value. It prints as "[redacted]" and gives its bytes to
// Expose only.
type Value = secretbytes.Value

// Request is what came in, as raw as it came. Verifiers and adapters neither
// keep nor change it.
type Request struct {
	Method string
	// URL is what was asked for, absolute, with the scheme and host that the
	// sender used, as far as they can be told behind a proxy.
	URL    *url.URL
	Header http.Header
	// Body is the whole body, already bounded by the caller.
	Body []byte
	// Remote is the sender's address, behind any trusted proxy.
	Remote netip.Addr
	// ClientChain is the sender's TLS client certificate and what came with
	// it, leaf first; nil if there was none. It is not yet verified.
	ClientChain []*x509.Certificate
	// Received is when the request came in, by this machine's clock.
	Received time.Time
}

// RequestLine stands in for the body of a request that has none, for schemes
// that sign the body: method and request target, as in "GET /v1/hooks/a?b=c"
// (RFC 9112, section 3, without the version). Otherwise a signature of one such
// request would do for any other.
func RequestLine(method string, target *url.URL) []byte {
	return []byte(method + " " + target.RequestURI())
}

// Verified is what a Verifier learned of a request.
type Verified struct {
	// EventID is the sender's ID for the delivery, stable over its retries;
	// empty where the scheme has none.
	EventID string
	// SignedAt is the time the sender signed; zero where the scheme has none.
	SignedAt time.Time
	// Signed says that the scheme signs the body. Without SignedAt a body can
	// then be sent again by whoever saw it: the receiver remembers bodies for a
	// while.
	Signed bool
	// Signature is, where the scheme signs a time but gives no EventID, what
	// tells this message from any other: the signature that matched, or the
	// sender's nonce. The same again is the same message.
	Signature string
}

// Verifier checks the raw bytes of a request before anything is parsed.
// Implementations are safe for concurrent use and compare secrets in constant
// time.
type Verifier interface {
	// Verify returns an error wrapping ErrUnauthenticated for a request that
	// is not the sender's, and ErrUnavailable where it cannot tell now.
	Verify(*Request) (Verified, error)
}

// ClientCertificateAsker is a Verifier that may need the sender's TLS client
// certificate, which clients show only if they are asked.
type ClientCertificateAsker interface {
	// AsksClientCertificate says whether it does.
	AsksClientCertificate() bool
}

// Adapter reads what a verified request says. Implementations are safe for
// concurrent use.
type Adapter interface {
	// Read returns an error wrapping ErrMalformed, ErrMediaType or ErrNoValue;
	// where the body itself is signed, ErrUnauthenticated and ErrUnavailable as
	// a Verifier does.
	// The caller wipes the Values of the Message's Events.
	Read(*Request, Verified) (Message, error)
}

// Message is what one request says. One of its parts is set; without any of
// them the request tells nothing that concerns a secret, and is answered with
// success.
type Message struct {
	// Events are changes, in the order in which they happened; 1 to MaxEvents.
	Events []Event
	// Reply answers a handshake, as the sender's protocol has it.
	Reply *Reply
	// Exists is the name of a secret of which the sender asks whether it has a
	// value here.
	Exists string
}

// MaxEvents is how many events one request may have. Event Grid sends 5,000 at
// most, and no other sender more.
const MaxEvents = 5000

// One is the Message of one event.
func One(event Event) Message { return Message{Events: []Event{event}} }

// Wipe overwrites the values of the events.
func (m Message) Wipe() {
	for _, event := range m.Events {
		event.Value.Wipe()
	}
}

// Reply is an answer in the sender's own protocol.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// The interfaces that an Adapter may have beside its own.
type (
	// MethodTaker is an Adapter that takes other methods than POST alone.
	MethodTaker interface {
		// Methods are those of the requests that Read takes.
		Methods() []string
	}
	// Preflighter is an Adapter whose protocol has a question, by the method
	// OPTIONS, that comes before any event and cannot be authenticated.
	Preflighter interface {
		// Preflight answers the question from the request's header alone.
		Preflight(http.Header) Reply
	}
	// Answerer is an Adapter whose protocol says how a request is answered.
	Answerer interface {
		// Answer is the reply to a request that ended with err, nil for
		// success. ok is false where the receiver's own answer is as good;
		// whatever asks the sender to try again later is such a one.
		Answer(err error) (reply Reply, ok bool)
	}
)

// Operation is what happened to a secret.
type Operation string

// The operations.
const (
	Set    Operation = "set"
	Delete Operation = "delete"
	// Changed: the secret has a new value, which the sender cannot tell. The
	// value is awaited from then on.
	Changed Operation = "changed"
)

// Event is one change of one secret, as its sender tells it.
type Event struct {
	// ID is the sender's ID for the event, stable over retries. An adapter
	// leaves it empty when the body has none; the verifier's then counts.
	ID string
	// Secret is the logical name, for which see CheckName.
	Secret string
	// Operation is Set, Delete or Changed.
	Operation Operation
	// Value is what gets sealed; nil unless the Operation is Set. With Fields it is the JSON
	// object of the fields, names sorted, values strings.
	Value *Value
	// Fields are the names of the value's fields, sorted; empty for a secret
	// that is one value.
	Fields []string
	// OccurredAt is when the sender says it happened; zero if it does not.
	OccurredAt time.Time
}

// Settings is how a verifier's or adapter's constructor gets its part of the
// configuration.
type Settings struct {
	// Decode fills the fields of a pointer to a struct (tags `yaml:"..."`)
	// strictly: an unknown key is an error with its line.
	Decode func(into any) error
	// ReadSecret reads the file that a `*_file` setting names, relative to
	// the configuration, without the newline at its end.
	ReadSecret func(path string) (*Value, error)
}

// ReadPublic reads a file that holds nothing secret, such as certificates, as
// ReadSecret does. The empty path is that of no file, and gives nil.
func (s Settings) ReadPublic(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	content, err := s.ReadSecret(path)
	if err != nil {
		return nil, err
	}
	defer content.Wipe()
	var data []byte
	err = content.Expose(func(b []byte) error {
		data = append([]byte{}, b...)
		return nil
	})
	return data, err
}
