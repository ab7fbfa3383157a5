package adapters

import (
	"cmp"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// GCPPubSub has the settings of the adapter "gcp-pubsub", for the notifications
// of Google Cloud Secret Manager that a Pub/Sub subscription pushes. The
// product's name of a secret is its ID, without the project.
type GCPPubSub struct {
	Names `yaml:",inline"`
}

// NewGCPPubSub returns the adapter. It reads the attributes of the notification
// (https://docs.cloud.google.com/secret-manager/docs/event-notifications): from
// the JSON that Pub/Sub wraps a message in, or from the header where payload
// unwrapping is on with its metadata written
// (https://docs.cloud.google.com/pubsub/docs/payload-unwrapping). The message's
// data is the secret's resource, which has no value; it is not read. Any event
// but SECRET_VERSION_ADD tells nothing.
func NewGCPPubSub(settings GCPPubSub) (hooks.Adapter, error) {
	return newNoticeAdapter(settings.Names, readGCP)
}

// gcpMessage is what a message says, wrapped or not; what it does not say is
// empty.
type gcpMessage struct{ kind, secret, at, id, published string }

// gcpHeaders are where a message has its parts that comes unwrapped, and
// gcpPointers where one has them that is wrapped.
var (
	gcpHeaders  = []string{"eventType", "secretId", "timestamp", "x-goog-pubsub-message-id", "x-goog-pubsub-publish-time"}
	gcpPointers = []jsonscan.Pointer{{"attributes", "eventType"}, {"attributes", "secretId"}, {"attributes", "timestamp"}, {"messageId"}, {"publishTime"}}
)

func readGCP(r *hooks.Request) ([]notice, error) {
	read := gcpWrapped
	if len(r.Header.Values("x-goog-pubsub-message-id")) > 0 {
		read = gcpUnwrapped
	}
	m, err := read(r)
	if err != nil {
		return nil, err
	}
	if m.kind == "" {
		return nil, malformed("the message has no attribute eventType; it is no notification of Secret Manager")
	}
	if m.kind != "SECRET_VERSION_ADD" {
		return nil, nil
	}
	n := notice{}
	if n.told, err = gcpSecret(m.secret); err != nil {
		return nil, err
	}
	if n.id, err = checkEventID(m.id, "the message's ID"); err != nil {
		return nil, err
	}
	n.at, err = rfc3339Time(cmp.Or(m.at, m.published), "the attribute timestamp")
	return []notice{n}, err
}

// gcpUnwrapped reads the header. What the body is does not matter.
func gcpUnwrapped(r *hooks.Request) (gcpMessage, error) {
	if err := checkEncoding(r); err != nil {
		return gcpMessage{}, err
	}
	said := make([]string, len(gcpHeaders))
	for i, name := range gcpHeaders {
		lines := r.Header.Values(name)
		if len(lines) > 1 {
			return gcpMessage{}, malformed("the header has %s %d times", name, len(lines))
		}
		said[i] = strings.Join(lines, "")
	}
	return gcpMessage{said[0], said[1], said[2], said[3], said[4]}, nil
}

func gcpWrapped(r *hooks.Request) (gcpMessage, error) {
	root, err := readJSON(r)
	if err != nil {
		return gcpMessage{}, err
	}
	message := root.At(jsonscan.Pointer{"message"})
	if message.Kind() != jsonscan.Object {
		return gcpMessage{}, malformed("/message is %s, not an object; a subscription with payload unwrapping has to write metadata", message.Kind())
	}
	said := make([]string, len(gcpPointers))
	for i, pointer := range gcpPointers {
		switch v := message.At(pointer); v.Kind() {
		case jsonscan.String:
			said[i] = v.Text()
		case jsonscan.Missing, jsonscan.Null:
		default:
			return gcpMessage{}, malformed("/message/%s is %s, not a string", strings.Join(pointer, "/"), v.Kind())
		}
	}
	return gcpMessage{said[0], said[1], said[2], said[3], said[4]}, nil
}

// gcpSecret is the ID in the resource name of a secret, global
// (projects/P/secrets/ID) or regional (projects/P/locations/L/secrets/ID).
func gcpSecret(resource string) (string, error) {
	parts := strings.Split(resource, "/")
	n := len(parts)
	if n != 4 && n != 6 || parts[0] != "projects" || parts[n-2] != "secrets" || parts[n-1] == "" || len(parts[n-1]) > hooks.MaxNameLen {
		return "", malformed("the attribute secretId is not projects/PROJECT/secrets/SECRET")
	}
	return parts[n-1], nil
}
